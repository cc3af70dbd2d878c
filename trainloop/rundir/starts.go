package rundir

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// starts is starts.json.
type starts struct {
	// Snapshot is the name of the latest snapshot at the last start, empty if there was
	// none, and Count how many starts found that one.
	Snapshot string `json:"snapshot"`
	Count    int    `json:"count"`
}

// CountStart counts a start of the run in dir, which is made if it does not exist, and
// returns how many there were since its latest snapshot, this one included.
func CountStart(dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	path := Layout{dir}.Starts()
	s, err := readJSON[starts](path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	latest, err := latestSnapshot(dir)
	if err != nil {
		return 0, err
	}
	if s.Snapshot != latest {
		s = starts{Snapshot: latest}
	}
	s.Count++
	return s.Count, writeJSON(path, s)
}

// ForgetStarts begins to count anew.
func ForgetStarts(dir string) error {
	if err := os.Remove(Layout{dir}.Starts()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// latestSnapshot is the name of the latest snapshot in dir: they sort by their steps.
func latestSnapshot(dir string) (string, error) {
	entries, err := os.ReadDir(Layout{dir}.Checkpoints())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	latest := ""
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "step-") {
			latest = max(latest, e.Name())
		}
	}
	return latest, nil
}

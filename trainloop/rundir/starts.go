package rundir

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// starts is the contents of starts.json.
type starts struct {
	// Snapshot is the name of the latest snapshot at the last start; empty if there was
	// none. Count is the number of starts since that snapshot.
	Snapshot string `json:"snapshot"`
	Count    int    `json:"count"`
}

// CountStart counts a start of the run in dir, which it creates if it does not exist. It
// returns the number of starts since the latest snapshot, including this one.
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

// ForgetStarts resets the count of starts to 0.
func ForgetStarts(dir string) error {
	if err := os.Remove(Layout{dir}.Starts()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// latestSnapshot returns the name of the latest snapshot in dir. Names sort by steps.
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

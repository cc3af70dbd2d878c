// Package snapshot keeps the states that a training run can go on from.
//
// A snapshot is a directory "step-<n>" with the file "checkpoint", as ONNX
// Runtime writes it, and "manifest.json", which holds the position in the run,
// the hashes of its configuration and data, the size and SHA-256 of the
// checkpoint, and the SHA-256 of itself. It appears by rename when it is
// complete; one that is damaged since is refused by name. The file "statistics",
// of the same form, has running statistics that were measured anew for models;
// training goes on without them.
//
//	s, err := snapshot.Begin(dir)           // in a temporary directory
//	err = trainer.Save(s.CheckpointPath())
//	path, err := s.Commit(manifest)
//
//	manifest, path, damaged, err := snapshot.Latest(dir)
package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"onnxlab/internal/durable"
	"onnxlab/ort/lossscale"
)

// Format is the version of the manifest that this package writes and reads.
const Format = 2

const (
	checkpointFile = "checkpoint"
	manifestFile   = "manifest.json"
	prefix         = "step-"
	// maxManifest bounds what is read of a manifest, in bytes.
	maxManifest = 1 << 20
)

// Manifest says what a snapshot is of.
type Manifest struct {
	Format int `json:"format"`
	// Step is how many optimizer steps were done, over all epochs.
	Step int `json:"step"`
	// Epoch is the epoch that the next step belongs to, counted from 0.
	Epoch int `json:"epoch"`
	// Partial is what the steps of that epoch added up to so far.
	Partial Partial `json:"partial"`
	// ValAccuracy is that of the epoch that the snapshot ends; nil within an
	// epoch.
	ValAccuracy *float64 `json:"val_accuracy,omitempty"`

	// LossScale is that of the next step of mixed precision, nil in float32.
	LossScale *lossscale.Scale `json:"loss_scale,omitempty"`

	ConfigHash string `json:"config_hash"`
	DataHash   string `json:"data_hash"`
	// FromHash is that of the parameters of another run that this one began with;
	// empty if it did not.
	FromHash string `json:"from_hash,omitempty"`

	CheckpointBytes  int64  `json:"checkpoint_bytes"`
	CheckpointSHA256 string `json:"checkpoint_sha256"`
	// StatisticsBytes and StatisticsSHA256 are those of the statistics that were
	// measured anew; 0 and empty where there are none.
	StatisticsBytes  int64  `json:"statistics_bytes,omitempty"`
	StatisticsSHA256 string `json:"statistics_sha256,omitempty"`

	// ManifestSHA256 is that of the manifest's file in which this is empty.
	ManifestSHA256 string `json:"manifest_sha256"`
}

// encode is the manifest's file, with the hash of itself.
func (m Manifest) encode() ([]byte, error) {
	m.ManifestSHA256 = ""
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(data, '\n'))
	m.ManifestSHA256 = hex.EncodeToString(sum[:])
	data, err = json.MarshalIndent(m, "", "  ")
	return append(data, '\n'), err
}

// Partial is the sums over the steps of an unfinished epoch.
type Partial struct {
	Steps   int     `json:"steps"`
	Loss    float64 `json:"loss"`
	Correct int     `json:"correct"`
	// Seconds and Wait are the time that the steps took and that part of it in
	// which the trainer waited for data.
	Seconds float64 `json:"seconds"`
	Wait    float64 `json:"wait"`
}

// Pending is a snapshot that is being written.
type Pending struct {
	dir, tmp string
}

// Begin starts a snapshot in dir, which is made if it does not exist.
func Begin(dir string) (*Pending, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("begin snapshot: %w", err)
	}
	tmp, err := durable.TempDir(dir)
	if err != nil {
		return nil, fmt.Errorf("begin snapshot: %w", err)
	}
	return &Pending{dir: dir, tmp: tmp}, nil
}

// CheckpointPath is where the caller writes the checkpoint.
func (p *Pending) CheckpointPath() string { return filepath.Join(p.tmp, checkpointFile) }

// Abort removes what was written. It does nothing after Commit.
func (p *Pending) Abort() error { return os.RemoveAll(p.tmp) }

// Commit makes the snapshot visible, durably, and returns its path. Format and
// the sizes and hashes are filled in. A whole snapshot of the same step that is
// there already is kept in its place.
func (p *Pending) Commit(m Manifest) (string, error) {
	path, err := p.commit(m)
	if err != nil {
		return "", errors.Join(fmt.Errorf("save snapshot of step %d: %w", m.Step, err), p.Abort())
	}
	return path, nil
}

func (p *Pending) commit(m Manifest) (string, error) {
	var err error
	m.Format = Format
	if m.CheckpointBytes, m.CheckpointSHA256, err = syncAndHash(p.CheckpointPath()); err != nil {
		return "", err
	}
	m.StatisticsBytes, m.StatisticsSHA256, err = syncAndHash(filepath.Join(p.tmp, statisticsFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	data, err := m.encode()
	if err != nil {
		return "", err
	}
	if err := durable.WriteBytes(filepath.Join(p.tmp, manifestFile), data); err != nil {
		return "", err
	}
	path := Path(p.dir, m.Step)
	complete := func(dir string) bool { _, err := Check(dir); return err == nil }
	return path, durable.PublishDir(p.tmp, path, complete)
}

// syncAndHash makes the file durable and returns its size and SHA-256.
func syncAndHash(path string) (size int64, sum string, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return 0, "", err
	}
	return hashOf(f)
}

// hashOf reads r to its end, and returns its size and SHA-256.
func hashOf(r io.Reader) (size int64, sum string, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// Check reads the manifest of the snapshot at path and verifies its
// checkpoint.
func Check(path string) (Manifest, error) {
	m, err := readManifest(filepath.Join(path, manifestFile))
	if err != nil {
		return m, err
	}
	if err := checkFile(path, checkpointFile, m.CheckpointBytes, m.CheckpointSHA256); err != nil {
		return m, err
	}
	if m.StatisticsSHA256 != "" {
		return m, checkFile(path, statisticsFile, m.StatisticsBytes, m.StatisticsSHA256)
	}
	if _, err := os.Lstat(filepath.Join(path, statisticsFile)); err == nil {
		return m, fmt.Errorf("snapshot %q is damaged: it has statistics, of which its manifest does not tell", path)
	}
	return m, nil
}

// checkFile verifies a file of the snapshot at path.
func checkFile(path, name string, wantSize int64, wantSum string) error {
	f, err := durable.OpenPlain(filepath.Join(path, name))
	if err != nil {
		return fmt.Errorf("check snapshot %q: %w", path, err)
	}
	defer f.Close()
	// One byte more tells that the file is longer: it may be of terabytes of
	// zeros that take no room.
	size, sum, err := hashOf(io.LimitReader(f, max(wantSize, 0)+1))
	if err != nil {
		return fmt.Errorf("check snapshot %q: %w", path, err)
	}
	if size > wantSize {
		return fmt.Errorf("snapshot %q is damaged: its %s has more than the %d bytes that the manifest says", path, name, wantSize)
	}
	if size != wantSize || sum != wantSum {
		return fmt.Errorf("snapshot %q is damaged: its %s has %d bytes and SHA-256 %s, the manifest says %d and %s",
			path, name, size, sum, wantSize, wantSum)
	}
	return nil
}

func readManifest(path string) (Manifest, error) {
	var m Manifest
	data, err := durable.ReadPlain(path, maxManifest)
	if err != nil {
		return m, fmt.Errorf("read snapshot: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("read snapshot %q: %w", path, err)
	}
	if m.Format != Format {
		return m, fmt.Errorf("read snapshot %q: format %d; this program knows format %d", path, m.Format, Format)
	}
	if m.Step < 0 || m.Epoch < 0 || m.Partial.Steps < 0 {
		return m, fmt.Errorf("read snapshot %q: step %d, epoch %d and %d steps of it: negative", path, m.Step, m.Epoch, m.Partial.Steps)
	}
	if again, err := m.encode(); err != nil || !bytes.Equal(again, data) {
		return m, fmt.Errorf("read snapshot %q: it is damaged: its SHA-256 is not the %.80q that it names", path, m.ManifestSHA256)
	}
	return m, nil
}

// Path is where Commit puts the snapshot of a step in dir.
func Path(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("%s%08d", prefix, step))
}

// CheckpointPath is the checkpoint of the snapshot at path.
func CheckpointPath(path string) string { return filepath.Join(path, checkpointFile) }

// List returns the paths of the snapshots in dir, the latest first. A missing
// dir has none.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var steps []int
	names := map[int]string{}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), prefix)
		step, err := strconv.Atoi(number)
		if ok && err == nil && e.IsDir() {
			steps = append(steps, step)
			names[step] = filepath.Join(dir, e.Name())
		}
	}
	slices.Sort(steps)
	var paths []string
	for _, s := range slices.Backward(steps) {
		paths = append(paths, names[s])
	}
	return paths, nil
}

// DamagedError is the error of a directory in which no snapshot is whole.
type DamagedError struct {
	Dir string
	// Damaged say what is wrong with each, the latest first.
	Damaged []error
}

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("no snapshot in %q is whole:\n%v\nput one back from a copy, or train again in another directory with --out",
		e.Dir, errors.Join(e.Damaged...))
}

// Latest returns the latest snapshot in dir that is whole, and its path. What
// is wrong with later ones comes as damaged. Where none is whole err is a
// *DamagedError, and where there is none it wraps fs.ErrNotExist.
func Latest(dir string) (m Manifest, path string, damaged []error, err error) {
	paths, err := List(dir)
	if err != nil {
		return m, "", nil, err
	}
	for _, path := range paths {
		m, err := Check(path)
		if err == nil {
			return m, path, damaged, nil
		}
		damaged = append(damaged, err)
	}
	if len(damaged) > 0 {
		return m, "", nil, &DamagedError{dir, damaged}
	}
	return m, "", nil, fmt.Errorf("no snapshot in %q: %w", dir, os.ErrNotExist)
}

// Best returns the path of the snapshot in dir with the best validation
// accuracy, the earliest of equals.
func Best(dir string) (string, error) {
	paths, err := List(dir)
	if err != nil {
		return "", err
	}
	best := bestOf(paths)
	if best == "" {
		return "", fmt.Errorf("no snapshot of a finished epoch in %q: %w", dir, os.ErrNotExist)
	}
	_, err = Check(best)
	return best, err
}

// Prune removes all snapshots in dir but the latest `keep`, at least one, the
// one with the best validation accuracy and those of the steps in also, and
// leftovers of killed processes. Call it only when the latest one is known to be
// whole.
func Prune(dir string, keep int, also ...int) error {
	paths, err := List(dir)
	if err != nil {
		return err
	}
	keep = max(keep, 1)
	if len(paths) <= keep {
		return durable.RemoveLeftovers(dir, 0)
	}
	stay := []string{bestOf(paths)}
	for _, step := range also {
		stay = append(stay, Path(dir, step))
	}
	for _, p := range paths[keep:] {
		if slices.Contains(stay, p) {
			continue
		}
		// The manifest goes first: what is left of a removal that is cut
		// short is no snapshot.
		if err := os.Remove(filepath.Join(p, manifestFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old snapshot: %w", err)
		}
		if err := os.RemoveAll(p); err != nil {
			return fmt.Errorf("remove old snapshot: %w", err)
		}
	}
	return durable.RemoveLeftovers(dir, 0)
}

// bestOf returns the path with the best validation accuracy, the earliest of
// equals.
func bestOf(paths []string) string {
	best, accuracy := "", -1.0
	for _, p := range slices.Backward(paths) {
		m, err := readManifest(filepath.Join(p, manifestFile))
		if err == nil && m.ValAccuracy != nil && *m.ValAccuracy > accuracy {
			best, accuracy = p, *m.ValAccuracy
		}
	}
	return best
}

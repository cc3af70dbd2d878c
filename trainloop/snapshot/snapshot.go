// Package snapshot stores states from which a training run can resume.
//
// A snapshot is a directory "step-<n>" with the file "checkpoint", as ONNX
// Runtime writes it, and "manifest.json", which holds the position in the run,
// the hashes of its configuration and data, the size and SHA-256 of the
// checkpoint, and the SHA-256 of the manifest itself. The directory gets its name by
// a rename when it is complete. A snapshot that is damaged later is reported by its
// path. The file "statistics", in the same format as the checkpoint, has recalibrated
// running statistics for models; training resumes without them.
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
	// maxManifest is the largest size of a manifest that is read, in bytes.
	maxManifest = 1 << 20
)

// Manifest describes a snapshot.
type Manifest struct {
	// Format is the version of the snapshot's format.
	Format int `json:"format"`
	// Step is the number of optimizer steps so far, over all epochs.
	Step int `json:"step"`
	// Epoch is the epoch that the next step belongs to, counted from 0.
	Epoch int `json:"epoch"`
	// Partial has the sums over the steps of that epoch so far.
	Partial Partial `json:"partial"`
	// ValAccuracy is the validation accuracy after the epoch at whose end the snapshot
	// was taken; nil if it was taken within an epoch.
	ValAccuracy *float64 `json:"val_accuracy,omitempty"`

	// LossScale is the loss scale of the next step in mixed precision, nil in float32.
	LossScale *lossscale.Scale `json:"loss_scale,omitempty"`

	// ConfigHash is the hash of the settings that change the weights, and DataHash that of
	// the images and labels. A run is resumed only if both are the same.
	ConfigHash string `json:"config_hash"`
	DataHash   string `json:"data_hash"`
	// FromHash is the hash of the parameters of another run that this run began with;
	// empty if they were random.
	FromHash string `json:"from_hash,omitempty"`

	// CheckpointBytes and CheckpointSHA256 are the size and the hash of the checkpoint.
	CheckpointBytes  int64  `json:"checkpoint_bytes"`
	CheckpointSHA256 string `json:"checkpoint_sha256"`
	// StatisticsBytes and StatisticsSHA256 are the size and hash of the file with
	// recalibrated statistics; 0 and empty if there is none.
	StatisticsBytes  int64  `json:"statistics_bytes,omitempty"`
	StatisticsSHA256 string `json:"statistics_sha256,omitempty"`

	// ManifestSHA256 is the hash of the manifest's file with this field empty.
	ManifestSHA256 string `json:"manifest_sha256"`
}

// encode returns the contents of the manifest's file, with its own hash filled in.
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

// Partial has the sums over the steps of an unfinished epoch.
type Partial struct {
	// Steps is the number of steps, Loss the sum of their mean losses, and Correct the number of
	// images that were classified correctly.
	Steps   int     `json:"steps"`
	Loss    float64 `json:"loss"`
	Correct int     `json:"correct"`
	// Seconds is the time that the steps took, and Wait the part of it in which the
	// trainer waited for data.
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

// CheckpointPath returns the path to which the caller has to write the checkpoint.
func (p *Pending) CheckpointPath() string { return filepath.Join(p.tmp, checkpointFile) }

// Abort removes what was written. It does nothing after Commit.
func (p *Pending) Abort() error { return os.RemoveAll(p.tmp) }

// Commit gives the snapshot its final name, durably, and returns its path. It fills in
// Format and the sizes and hashes. If there already is an undamaged snapshot of the same
// step, Commit keeps that instead.
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
		return m, fmt.Errorf("snapshot %q is damaged: it has a file statistics that its manifest does not name", path)
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
	// Reading one byte more is enough to see that the file is longer. A sparse file may
	// have terabytes.
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
		return m, fmt.Errorf("read snapshot %q: step %d, epoch %d and %d steps of the epoch cannot be negative", path, m.Step, m.Epoch, m.Partial.Steps)
	}
	if again, err := m.encode(); err != nil || !bytes.Equal(again, data) {
		return m, fmt.Errorf("read snapshot %q: it is damaged: its SHA-256 is not the %.80q that it names", path, m.ManifestSHA256)
	}
	return m, nil
}

// Path returns the path at which Commit puts the snapshot of a step in dir.
func Path(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("%s%08d", prefix, step))
}

// CheckpointPath returns the path of the checkpoint in the snapshot at path.
func CheckpointPath(path string) string { return filepath.Join(path, checkpointFile) }

// List returns the paths of the snapshots in dir, the latest first. If dir does not
// exist, there are none.
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

// DamagedError is the error for a directory whose snapshots are all damaged.
type DamagedError struct {
	Dir string
	// Damaged has one error for each snapshot, the latest first.
	Damaged []error
}

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("no snapshot in %q is whole:\n%v\nput one back from a copy, or train again in another directory with --out",
		e.Dir, errors.Join(e.Damaged...))
}

// Latest returns the manifest and the path of the latest snapshot in dir that is not
// damaged, and in damaged what is wrong with later ones. If all are damaged, err is a
// *DamagedError; if there are none, err wraps fs.ErrNotExist.
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
// accuracy, or of the earliest if several have it.
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

// Prune removes snapshots in dir, and leftovers of killed processes. It keeps the latest
// `keep` snapshots (at least one), the one with the best validation accuracy, and those
// of the steps in also. Call it only after checking that the latest one is not damaged.
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
		// The manifest goes first, so that a removal that is interrupted does not
		// leave anything that looks like a snapshot.
		if err := os.Remove(filepath.Join(p, manifestFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old snapshot: %w", err)
		}
		if err := os.RemoveAll(p); err != nil {
			return fmt.Errorf("remove old snapshot: %w", err)
		}
	}
	return durable.RemoveLeftovers(dir, 0)
}

// bestOf returns the path with the best validation accuracy, or the earliest if several
// have it.
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

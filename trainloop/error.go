package trainloop

import (
	"cmp"
	"fmt"
	"strings"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// Interrupted is the error of a run that was told to stop and saved its state.
type Interrupted struct {
	// Snapshot is where the state was saved.
	Snapshot string
	// Step is how many optimizer steps were done.
	Step int
	err  error
}

// Error implements error.
func (e *Interrupted) Error() string {
	return fmt.Sprintf("interrupted after step %d; state saved in %q", e.Step, e.Snapshot)
}

// Unwrap returns the cause, which is the error of the context.
func (e *Interrupted) Unwrap() error { return e.err }

// Diverged is the error of a run whose loss is no longer a finite number.
type Diverged struct {
	// Step is the optimizer step whose loss it was, counted from 0 over the
	// run, Epoch its epoch, counted from 0, and Rate its learning rate.
	Step, Epoch int
	Loss, Rate  float64
	// Snapshot is the path of the latest snapshot whose parameters are all finite; empty if
	// there is none.
	Snapshot string
}

// Error implements error.
func (e *Diverged) Error() string {
	last := "no checkpoint was saved"
	if e.Snapshot != "" {
		last = fmt.Sprintf("the last good checkpoint is %q", e.Snapshot)
	}
	return fmt.Sprintf("loss is %v at step %d (epoch %d), learning rate %.6g; %s; try a lower optimizer.learning_rate or more schedule.warmup_epochs",
		e.Loss, e.Step+1, e.Epoch+1, e.Rate, last)
}

// Mismatch is the error of resuming a run with other settings or other data than it began
// with.
type Mismatch struct {
	// Dir is the run directory.
	Dir string
	// Differences has one line for each difference.
	Differences []string
	// Advice says what to do. If it is empty, the message advises to resume the run as it
	// began, or to use another directory.
	Advice string
}

// NewMismatch returns the error of resuming the run in dir, which began with the experiment
// began, with the experiment now.
func NewMismatch(dir string, began, now configs.Experiment) *Mismatch {
	m := &Mismatch{Dir: dir}
	for _, d := range configs.Diff(began, now) {
		m.Differences = append(m.Differences, d.String())
	}
	return m
}

// Error implements error.
func (e *Mismatch) Error() string {
	return fmt.Sprintf("resume %q: it began with other settings or data:\n  %s\n%s",
		e.Dir, strings.Join(e.Differences, "\n  "), cmp.Or(e.Advice, "resume it as it began, or give another directory with --out"))
}

// Occupied is the error of starting a run or a sweep in a directory that already holds one,
// or of resuming a run where there is a sweep, or the reverse.
type Occupied struct {
	Dir string
	// Holds is what the directory holds, Wanted what was to be started or resumed in it.
	Holds, Wanted rundir.Kind
}

// Error implements error.
func (e *Occupied) Error() string {
	if e.Holds != e.Wanted {
		return fmt.Sprintf("%q holds a %s, not a %s: give another directory with --out", e.Dir, e.Holds, e.Wanted)
	}
	return fmt.Sprintf("%q already holds a %s: continue it with --resume, or give another directory with --out", e.Dir, e.Holds)
}

// SettingError is the error of a setting that does not fit the data.
type SettingError struct{ Key, Problem string }

// Error implements error.
func (e *SettingError) Error() string { return e.Key + ": " + e.Problem }

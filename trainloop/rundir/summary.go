package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"onnxlab/internal/durable"
)

// StatusDone is the Status of a run that trained all its epochs, or as many as
// there were to train before it stopped early.
const StatusDone = "done"

// MostInitialStatistics is the share of BatchNorm's running statistics that may still
// be what they began with without a word: beyond it evaluations measure these values
// as well.
const MostInitialStatistics = 0.01

// Summary is summary.json: a complete run in one object.
type Summary struct {
	// Name is the experiment's, Condition the sweep's; each may be empty.
	Name      string `json:"name"`
	Condition string `json:"condition"`
	Seed      uint64 `json:"seed"`
	BatchSize int    `json:"batch_size"`
	// ValAccuracy (0..1) and ValLoss are those after the last epoch.
	ValAccuracy float64 `json:"val_accuracy"`
	// BestValAccuracy is the highest of all epochs, BestEpoch the first that
	// had it, counted from 0.
	BestValAccuracy float64 `json:"best_val_accuracy"`
	BestEpoch       int     `json:"best_epoch"`
	ValLoss         float64 `json:"val_loss"`
	// ValMAP is the mean average precision after the last epoch and ValF1 the micro F1,
	// 0..1, where images may have several classes.
	ValMAP float64 `json:"val_mean_average_precision,omitempty"`
	ValF1  float64 `json:"val_f1,omitempty"`
	// Accuracy (0..1) and Loss are those of the last epoch's training batches.
	Accuracy float64 `json:"accuracy"`
	Loss     float64 `json:"loss"`
	Epochs   int     `json:"epochs"`
	Steps    int     `json:"steps"`
	// StoppedEpoch is the last epoch, counted from 0, of a run that ended before
	// all its epochs were trained, and StopReason why it did; nil and empty for
	// others.
	StoppedEpoch *int   `json:"stopped_epoch,omitempty"`
	StopReason   string `json:"stop_reason,omitempty"`
	// RestoredEpoch is the epoch, counted from 0, whose parameters model.onnx has,
	// and RestoredValAccuracy (0..1) its accuracy; nil where it has the last one's.
	RestoredEpoch       *int     `json:"restored_epoch,omitempty"`
	RestoredValAccuracy *float64 `json:"restored_val_accuracy,omitempty"`
	// InitialStatistics is the share (0..1) of BatchNorm's running statistics that
	// was still what they began with when the last epoch was evaluated. It is there
	// where it is above MostInitialStatistics.
	InitialStatistics float64 `json:"initial_statistics,omitempty"`
	// SkippedSteps are those of Steps that mixed precision left out, as their
	// gradients were not finite.
	SkippedSteps int `json:"skipped_steps,omitempty"`
	// Parameters counts the network's numbers, with BatchNorm's statistics.
	Parameters int `json:"parameters"`
	// Seconds is the sum over the epochs; ImagesPerSecond and DataWait (0..1)
	// are means over the training time.
	Seconds         float64 `json:"seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
	DataWait        float64 `json:"data_wait"`
	// ModelSHA256 is the hash of model.onnx, in hexadecimal digits.
	ModelSHA256 string `json:"model_sha256"`
	// Verification is what a comparison of two runtimes on model.onnx found;
	// runs of earlier versions have none.
	Verification *Verification `json:"verification,omitempty"`
	Status       string        `json:"status"`
}

// StoppedText says after which of its planned epochs a run stopped early, counted
// from 1; it is empty if the run did not.
func (s Summary) StoppedText(planned int) string {
	if s.StoppedEpoch == nil {
		return ""
	}
	return fmt.Sprintf("after epoch %d of %d", *s.StoppedEpoch+1, planned)
}

// RestoredText says of which epoch, counted from 1, the model of a run is; it is
// empty if of the last one.
func (s Summary) RestoredText() string {
	if s.RestoredEpoch == nil || s.RestoredValAccuracy == nil {
		return ""
	}
	return fmt.Sprintf("of epoch %d, validation accuracy %.2f %%", *s.RestoredEpoch+1, 100**s.RestoredValAccuracy)
}

// Verification is how far ONNX Runtime and pure Go are apart on model.onnx.
type Verification struct {
	// Samples is how many validation images were compared, the first ones.
	Samples int `json:"samples"`
	// LargestDifference is that of all probabilities, and Tolerance how large
	// it may be.
	LargestDifference float64 `json:"largest_difference"`
	Tolerance         float64 `json:"tolerance"`
}

// Summarize fills in what the history says: losses, accuracies, epochs, steps
// and times, and the status StatusDone. Without an epoch there is nothing to say.
func Summarize(history []Epoch) Summary {
	if len(history) == 0 {
		return Summary{}
	}
	last := history[len(history)-1]
	s := Summary{
		ValAccuracy: last.ValAccuracy, ValLoss: last.ValLoss, Accuracy: last.Accuracy, Loss: last.Loss,
		ValMAP: last.ValMAP, ValF1: last.ValF1,
		Epochs: len(history), Steps: last.Step, Status: StatusDone,
	}
	for i, e := range history {
		if i == 0 || e.ValAccuracy > s.BestValAccuracy {
			s.BestValAccuracy, s.BestEpoch = e.ValAccuracy, i
		}
		s.Seconds += e.Seconds
	}
	s.ImagesPerSecond, s.DataWait = throughput(history)
	return s
}

// throughput gives the images per second and the share of waiting over all
// epochs. An epoch's images are as its steps, and its training time is its
// images by its rate.
func throughput(history []Epoch) (imagesPerSecond, dataWait float64) {
	var steps, time, wait float64
	before := 0
	for _, e := range history {
		if e.ImagesPerSecond > 0 {
			n := float64(e.Step - before)
			steps += n
			time += n / e.ImagesPerSecond
			wait += n / e.ImagesPerSecond * e.DataWait
		}
		before = e.Step
	}
	if time == 0 {
		return 0, 0
	}
	return steps / time, wait / time
}

// WriteSummary writes summary.json into the run directory dir.
func WriteSummary(dir string, s Summary) error { return writeJSON(Layout{dir}.Summary(), s) }

// ReadSummary reads summary.json of the run directory dir. A run that is not
// complete is an error that wraps fs.ErrNotExist.
func ReadSummary(dir string) (Summary, error) { return readJSON[Summary](Layout{dir}.Summary()) }

// RemoveSummary makes the run in dir one that is not complete, durably.
func RemoveSummary(dir string) error {
	if err := os.Remove(Layout{dir}.Summary()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return durable.SyncDir(dir)
}

// Failure is failure.json: why a run ended without a summary.
type Failure struct {
	// Error is the message that the run ended with.
	Error string `json:"error"`
	// ExitStatus is that of its process; -1 when a signal ended it.
	ExitStatus int `json:"exit_status"`
	// Cell is which run failed. A run can fail before it has written anything
	// else that tells its seed. It is nil in marks of earlier versions.
	Cell *Cell `json:"cell,omitempty"`
}

// WriteFailure marks the run in dir as failed.
func WriteFailure(dir string, f Failure) error { return writeJSON(Layout{dir}.Failure(), f) }

// ReadFailure reads the mark of WriteFailure. Without one the error wraps
// fs.ErrNotExist.
func ReadFailure(dir string) (Failure, error) { return readJSON[Failure](Layout{dir}.Failure()) }

// ClearFailure takes the mark away, if there is one, for the run to start again.
func ClearFailure(dir string) error {
	if err := os.Remove(Layout{dir}.Failure()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func writeJSON(path string, v any) error {
	return durable.WriteFile(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	})
}

func readJSON[T any](path string) (T, error) {
	var v T
	data, err := durable.ReadPlain(path, maxFile)
	if err != nil {
		return v, unreadable(path, err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, jsonError(path, data, err)
	}
	return v, nil
}

// jsonError adds the place that encoding/json gives as an offset.
func jsonError(path string, data []byte, err error) error {
	e := &DataError{Path: path, Message: err.Error()}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var offset int64
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
		e.Message = fmt.Sprintf("%.80s: %.80s where %s is wanted", kind.Field, kind.Value, kind.Type)
	default:
		return e
	}
	before := data[:min(offset, int64(len(data)))]
	e.Line = bytes.Count(before, []byte("\n")) + 1
	e.Column = len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return e
}

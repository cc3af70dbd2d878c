package rundir

import (
	"errors"
	"fmt"
	"os"

	"onnxlab/internal/durable"
)

// StatusDone is the Status of a run that has trained all its epochs or has stopped
// early.
const StatusDone = "done"

// MostInitialStatistics is the largest share of initial values in BatchNorm's running
// statistics for which there is no warning. With a larger share, evaluations depend on
// the initial values.
const MostInitialStatistics = 0.01

// Summary is summary.json: the results of a complete run.
type Summary struct {
	// Name is the name of the experiment, and Condition the name of its condition in a
	// sweep. Either may be empty.
	Name      string `json:"name"`
	Condition string `json:"condition"`
	Seed      uint64 `json:"seed"`
	BatchSize int    `json:"batch_size"`
	// ValAccuracy (0..1) and ValLoss are measured after the last epoch.
	ValAccuracy float64 `json:"val_accuracy"`
	// BestValAccuracy is the highest ValAccuracy of all epochs, BestEpoch the first epoch
	// that had it, counted from 0.
	BestValAccuracy float64 `json:"best_val_accuracy"`
	BestEpoch       int     `json:"best_epoch"`
	ValLoss         float64 `json:"val_loss"`
	// ValMAP is the mean average precision after the last epoch and ValF1 the micro F1,
	// 0..1, where images may have several classes.
	ValMAP float64 `json:"val_mean_average_precision,omitempty"`
	ValF1  float64 `json:"val_f1,omitempty"`
	// Accuracy (0..1) and Loss are means over the last epoch's training batches.
	Accuracy float64 `json:"accuracy"`
	Loss     float64 `json:"loss"`
	Epochs   int     `json:"epochs"`
	Steps    int     `json:"steps"`
	// StoppedEpoch is the last epoch, counted from 0, of a run that stopped early, and
	// StopReason says why. They are nil and empty for other runs.
	StoppedEpoch *int   `json:"stopped_epoch,omitempty"`
	StopReason   string `json:"stop_reason,omitempty"`
	// RestoredEpoch is the epoch, counted from 0, whose parameters model.onnx has, and
	// RestoredValAccuracy (0..1) its accuracy. They are nil if it is the last epoch.
	RestoredEpoch       *int     `json:"restored_epoch,omitempty"`
	RestoredValAccuracy *float64 `json:"restored_val_accuracy,omitempty"`
	// InitialStatistics is the share (0..1) that the initial values still had in
	// BatchNorm's running statistics when the last epoch was evaluated. It is 0 unless
	// the share is above MostInitialStatistics.
	InitialStatistics float64 `json:"initial_statistics,omitempty"`
	// SkippedSteps is the number of Steps that mixed precision skipped because their
	// gradients were not finite.
	SkippedSteps int `json:"skipped_steps,omitempty"`
	// Parameters is the number of elements of all parameters of the network, including
	// BatchNorm's statistics.
	Parameters int `json:"parameters"`
	// Seconds is the sum over the epochs. ImagesPerSecond and DataWait, the share (0..1) of
	// the time in which training waited for images, are means over the training time.
	Seconds         float64 `json:"seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
	DataWait        float64 `json:"data_wait"`
	// ModelSHA256 is the hash of model.onnx, in hexadecimal digits.
	ModelSHA256 string `json:"model_sha256"`
	// Verification is the result of comparing two runtimes on model.onnx; nil for runs of
	// earlier versions.
	Verification *Verification `json:"verification,omitempty"`
	// Status is StatusDone.
	Status string `json:"status"`
}

// StoppedText says after which of the planned epochs the run stopped early, counted
// from 1. It is empty if the run did not stop early.
func (s Summary) StoppedText(planned int) string {
	if s.StoppedEpoch == nil {
		return ""
	}
	return fmt.Sprintf("after epoch %d of %d", *s.StoppedEpoch+1, planned)
}

// RestoredText says from which epoch, counted from 1, the model of the run is. It is
// empty if that is the last epoch.
func (s Summary) RestoredText() string {
	if s.RestoredEpoch == nil || s.RestoredValAccuracy == nil {
		return ""
	}
	return fmt.Sprintf("of epoch %d, validation accuracy %.2f %%", *s.RestoredEpoch+1, 100**s.RestoredValAccuracy)
}

// Verification compares the outputs of ONNX Runtime and of the Go interpreter for
// model.onnx.
type Verification struct {
	// Samples is the number of validation images that were compared.
	Samples int `json:"samples"`
	// LargestDifference is the largest difference of a probability, and Tolerance the
	// largest that is accepted.
	LargestDifference float64 `json:"largest_difference"`
	Tolerance         float64 `json:"tolerance"`
}

// Summarize returns a Summary with the losses, accuracies, epochs, steps and times of
// the history, and the status StatusDone. It is zero if the history is empty.
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

// throughput returns the images per second and the share of waiting over all epochs. It
// derives the training time of each epoch from its speed and the number of its images,
// which is proportional to its steps.
func throughput(history []Epoch) (imagesPerSecond, dataWait float64) {
	var images, time, wait float64 // in units of the batch size
	before := 0
	for _, e := range history {
		if e.ImagesPerSecond > 0 {
			steps := float64(e.Step - before)
			images += steps
			time += steps / e.ImagesPerSecond
			wait += steps / e.ImagesPerSecond * e.DataWait
		}
		before = e.Step
	}
	if time == 0 {
		return 0, 0
	}
	return images / time, wait / time
}

// WriteSummary writes summary.json into the run directory dir.
func WriteSummary(dir string, s Summary) error { return writeJSON(Layout{dir}.Summary(), s) }

// ReadSummary reads summary.json of the run directory dir. If the run is not complete,
// the error wraps fs.ErrNotExist.
func ReadSummary(dir string) (Summary, error) { return readJSON[Summary](Layout{dir}.Summary()) }

// RemoveSummary durably removes summary.json, so that the run in dir is not complete any
// more.
func RemoveSummary(dir string) error {
	if err := os.Remove(Layout{dir}.Summary()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return durable.SyncDir(dir)
}

package trainloop

import (
	"fmt"
	"strings"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
)

// MemoryNeeded estimates the memory, in bytes, that training with the target's graph
// takes. It adds up the values of one step, without the temporary memory of operators,
// and four times the size of the parameters: for the parameters themselves, their
// gradients, and two moments or whatever else the optimizer stores.
func MemoryNeeded(n *onnxmodels.Network, e configs.Experiment, target string) (int64, error) {
	if err := checkBatch(e); err != nil {
		return 0, err
	}
	o := optionsFor(n, e, target)
	o.Batch = MicroBatch(e)
	step, err := n.StepBytes(o)
	total, _ := n.Count()
	arrays := 4
	if e.Optimizer.IsAdam() {
		arrays = 5
	}
	return step + 4*int64(arrays*total), err
}

// checkMemory returns an error if there is not enough memory for a micro-batch. The error
// names the setting that makes it fit.
func checkMemory(n *onnxmodels.Network, e configs.Experiment, target string, available int64) error {
	if e.Runtime.Device.Traits().OwnMemory {
		return nil
	}
	need, err := MemoryNeeded(n, e, target)
	if err != nil || need <= available {
		return err
	}
	micro := MicroBatch(e)
	problem := fmt.Sprintf("%d images at once need about %.1f GB of memory, but %.1f GB are free", micro, gigabytes(need), gigabytes(available))
	if micro > e.Train.BatchSize/e.Train.Replicas {
		return &SettingError{"train.micro_batch", problem + fmt.Sprintf("; set it to 0 for %d at once", e.Train.BatchSize/e.Train.Replicas)}
	}
	parts := e
	for parts.Train.MicroBatch = 0; parts.Train.Replicas < e.Train.BatchSize; {
		parts.Train.Replicas++
		if e.Train.BatchSize%parts.Train.Replicas != 0 {
			continue
		}
		if less, err := MemoryNeeded(n, parts, target); err == nil && less <= available {
			and := ""
			if e.Train.MicroBatch > 0 {
				and = " and train.micro_batch to 0"
			}
			return &SettingError{"train.batch_size", problem +
				fmt.Sprintf("; set train.replicas to %d%s, with which BatchNorm normalises parts of %d images separately", parts.Train.Replicas, and, MicroBatch(parts))}
		}
	}
	return &SettingError{sizeSetting(e.Model.Kind), problem + "; even a single image does not fit"}
}

// sizeSetting returns the setting that makes a network of this kind smaller.
func sizeSetting(kind string) string {
	switch kind {
	case configs.KindCNN:
		return "model.widths"
	case configs.KindONNX, configs.KindOwn:
		return "data.size"
	}
	return "model.width_factor"
}

// explainMemory adds what to do to the error of a step that ran out of memory. Only the
// text of ONNX Runtime's error says that memory was the reason.
func explainMemory(err error, e configs.Experiment) error {
	text := err.Error()
	for _, sign := range []string{"Failed to allocate memory", "bad_alloc", "bad allocation", "out of memory"} {
		if strings.Contains(text, sign) {
			// The lines before it are positions in ONNX Runtime's source code.
			last := text[strings.LastIndex(text, sign):]
			return fmt.Errorf("out of memory with %d images at once: lower train.batch_size, or %s (%s)",
				MicroBatch(e), fewerAtOnce(e), strings.TrimSpace(last))
		}
	}
	return err
}

// fewerAtOnce says which settings let fewer images go through the network at once.
func fewerAtOnce(e configs.Experiment) string {
	part, more := e.Train.BatchSize/e.Train.Replicas, e
	more.Train.Replicas = e.Train.BatchSize
	switch {
	case MicroBatch(e) > part:
		return fmt.Sprintf("set train.micro_batch to %d, which computes the parts one after the other", part)
	case MicroBatch(more) == MicroBatch(e):
		return "raise train.replicas and set train.micro_batch to the images of one replica, which computes the replicas one after the other"
	}
	return "raise train.replicas, which computes its parts one after the other"
}

func gigabytes(bytes int64) float64 { return float64(bytes) / 1e9 }

package trainloop

import (
	"fmt"
	"strings"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
)

// MemoryNeeded estimates how many bytes training in the form for the target takes:
// those of a step, but for what an operator needs while it runs, and parameters
// four times, with their gradients and two momenta, or what else the optimizer keeps.
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

// checkMemory refuses a micro-batch for which the machine has no memory, with
// the setting that makes it fit.
func checkMemory(n *onnxmodels.Network, e configs.Experiment, target string, available int64) error {
	if e.Runtime.Device.Traits().OwnMemory {
		return nil
	}
	need, err := MemoryNeeded(n, e, target)
	if err != nil || need <= available {
		return err
	}
	micro := MicroBatch(e)
	problem := fmt.Sprintf("%d images at once need about %.1f GB of memory, %.1f GB are free", micro, gigabytes(need), gigabytes(available))
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
				fmt.Sprintf("; set train.replicas to %d%s, for which BatchNorm normalises parts of %d images by themselves", parts.Train.Replicas, and, MicroBatch(parts))}
		}
	}
	return &SettingError{sizeSetting(e.Model.Kind), problem + "; even a single image does not fit"}
}

// sizeSetting is the setting that makes a network of the kind smaller.
func sizeSetting(kind string) string {
	switch kind {
	case configs.KindCNN:
		return "model.widths"
	case configs.KindONNX, configs.KindOwn:
		return "data.size"
	}
	return "model.width_factor"
}

// explainMemory says what to do about a step that memory was not enough for,
// which only the text of ONNX Runtime's error tells.
func explainMemory(err error, e configs.Experiment) error {
	text := err.Error()
	for _, sign := range []string{"Failed to allocate memory", "bad_alloc", "bad allocation", "out of memory"} {
		if strings.Contains(text, sign) {
			// Its first lines name places in ONNX Runtime's sources.
			last := text[strings.LastIndex(text, sign):]
			return fmt.Errorf("out of memory with %d images at once: lower train.batch_size, or %s (%s)",
				MicroBatch(e), fewerAtOnce(e), strings.TrimSpace(last))
		}
	}
	return err
}

// fewerAtOnce says by which settings fewer images go through the network at once.
func fewerAtOnce(e configs.Experiment) string {
	part, more := e.Train.BatchSize/e.Train.Replicas, e
	more.Train.Replicas = e.Train.BatchSize
	switch {
	case MicroBatch(e) > part:
		return fmt.Sprintf("set train.micro_batch to %d, which computes the parts one after the other", part)
	case MicroBatch(more) == MicroBatch(e):
		return "raise train.replicas and set train.micro_batch to the images of one, which computes its parts one after the other"
	}
	return "raise train.replicas, which computes its parts one after the other"
}

func gigabytes(bytes int64) float64 { return float64(bytes) / 1e9 }

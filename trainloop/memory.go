package trainloop

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
)

// MemoryNeeded estimates how many bytes training takes. What the layers give
// for each image of a micro-batch is kept for the backward pass, and about as
// much again is under way in it: the factor 2 is what was measured, 1.75 to
// 1.85, rounded up. Parameters are there four times: with their gradients and
// two momenta.
func MemoryNeeded(n *onnxmodels.Network, microBatch int) int64 {
	total, _ := n.Count()
	return 2*n.ActivationBytes()*int64(microBatch) + 4*4*int64(total)
}

// checkMemory refuses a micro-batch for which the machine has no memory, with
// the setting that makes it fit.
func checkMemory(n *onnxmodels.Network, e configs.Experiment, available int64) error {
	micro := MicroBatch(e)
	need := MemoryNeeded(n, micro)
	if e.Runtime.Device != "cpu" || need <= available {
		return nil
	}
	problem := fmt.Sprintf("%d images at once need about %.1f GB of memory, %.1f GB are free", micro, gigabytes(need), gigabytes(available))
	if micro > e.Train.BatchSize/e.Train.Replicas {
		return &SettingError{"train.micro_batch", problem + fmt.Sprintf("; set it to 0 for %d at once", e.Train.BatchSize/e.Train.Replicas)}
	}
	for replicas := e.Train.Replicas + 1; replicas <= e.Train.BatchSize; replicas++ {
		if e.Train.BatchSize%replicas == 0 && MemoryNeeded(n, e.Train.BatchSize/replicas) <= available {
			return &SettingError{"train.batch_size", problem +
				fmt.Sprintf("; set train.replicas to %d, for which BatchNorm normalises parts of %d images by themselves", replicas, e.Train.BatchSize/replicas)}
		}
	}
	return &SettingError{"model.widths", problem + "; even a single image does not fit"}
}

// explainMemory says what to do about a step that memory was not enough for,
// which only the text of ONNX Runtime's error tells.
func explainMemory(err error, micro int) error {
	text := err.Error()
	for _, sign := range []string{"Failed to allocate memory", "bad_alloc", "bad allocation", "out of memory"} {
		if strings.Contains(text, sign) {
			// Its first lines name places in ONNX Runtime's sources.
			last := text[strings.LastIndex(text, sign):]
			return fmt.Errorf("out of memory with %d images at once: lower train.batch_size, or raise train.replicas, which computes its parts one after the other (%s)",
				micro, strings.TrimSpace(last))
		}
	}
	return err
}

func gigabytes(bytes int64) float64 { return float64(bytes) / 1e9 }

// availableMemory is how many bytes the system can give the process, as Linux
// tells it; elsewhere it is not known, and taken to be enough.
func availableMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return math.MaxInt64
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "MemAvailable:" {
			continue
		}
		if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			return kib * 1024
		}
	}
	return math.MaxInt64
}

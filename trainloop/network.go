package trainloop

import (
	"fmt"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/ortlib"
	"onnxlab/onnxmodels"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/session"
)

// withClasses returns the experiment with as many classes as the images have, where
// it leaves their number to them.
func withClasses(e configs.Experiment, images *dataset.Set) configs.Experiment {
	if e.Model.Classes == 0 && images != nil {
		e.Model.Classes = len(images.Classes)
	}
	return e
}

// Network returns the network that the experiment describes, for images of
// height x width pixels. An experiment that leaves the number of classes to the data
// is a *SettingError.
func Network(e configs.Experiment, height, width int) (*onnxmodels.Network, error) {
	switch e.Model.Kind {
	case "cnn":
	case configs.KindONNX:
		n, err := Given(e.Model, height, width)
		if err != nil {
			return nil, err
		}
		if h, w := n.Size(); h != height || w != width {
			return nil, &SettingError{"data.size", fmt.Sprintf("the images are %dx%d pixels, but %q takes %dx%d", height, width, e.Model.Path, h, w)}
		}
		return n, nil
	default:
		return nil, fmt.Errorf("model.kind: %q is not a known architecture; \"cnn\" and %q are", e.Model.Kind, configs.KindONNX)
	}
	if e.Model.Classes == 0 {
		return nil, &SettingError{"model.classes", "0 leaves the number to the data, which is not read here: set it"}
	}
	return onnxmodels.CNN(onnxmodels.CNNOptions{
		Height: height, Width: width,
		Widths: e.Model.Widths, Convolutions: e.Model.Convolutions, Classes: e.Model.Classes,
		BatchNorm: batchNorm(e.Model.BatchNorm),
	})
}

// batchNorm is the settings in the network's form. Artifacts of recalibrated statistics
// have corrected ones, for clients that do not measure them anew.
func batchNorm(b configs.BatchNorm) onnxmodels.BatchNormOptions {
	return onnxmodels.BatchNormOptions{
		Momentum: float32(b.Momentum), Epsilon: float32(b.Epsilon),
		Corrected: b.Statistics == configs.StatisticsCorrected || b.Statistics == configs.StatisticsRecalibrated,
	}
}

// checkBatch refuses sizes that the others are not fractions of, as those of an
// experiment that was made in Go from nothing.
func checkBatch(e configs.Experiment) error {
	if e.Train.BatchSize < 1 || e.Train.Replicas < 1 {
		return &SettingError{"train.batch_size", fmt.Sprintf("%d in %d replicas, want 1 or more of both", e.Train.BatchSize, e.Train.Replicas)}
	}
	return nil
}

// MicroBatch returns how many images go through the network at once: if the
// experiment leaves it open, a replica's on a CPU, for its caches and its memory,
// and all on a GPU, which is as fast as it has work at once.
func MicroBatch(e configs.Experiment) int {
	switch {
	case e.Train.MicroBatch > 0:
		return e.Train.MicroBatch
	case e.Runtime.Device == ortlib.CUDA:
		return e.Train.BatchSize
	}
	return e.Train.BatchSize / max(e.Train.Replicas, 1)
}

// Target is the form of the training model for a device, "cpu" or "cuda".
func Target(device string) string {
	if device == ortlib.CUDA {
		return onnxmodels.TargetCUDA
	}
	return onnxmodels.TargetNative
}

// Artifacts returns the training models of the experiment's network for the
// target, one of onnxmodels.Targets or TargetNative; those for a device take
// micro-batches of the experiment's size alone. Those of an optimizer that holds the
// rates (configs.Optimizer.HoldsRates) have that of every step, for which stepsPerEpoch
// counts; else it does not matter. An experiment that takes the weights of classes from
// the training images is a *SettingError.
func Artifacts(n *onnxmodels.Network, e configs.Experiment, stepsPerEpoch int, target string) (*onnxmodels.Artifacts, error) {
	if err := checkBatch(e); err != nil {
		return nil, err
	}
	if e.Train.Balance == configs.BalanceWeights {
		return nil, &SettingError{"train.balance", configs.BalanceWeights + " takes the weights from the training images, which are not read here: set train.class_weights"}
	}
	o := trainingOptions(e, target)
	if e.Optimizer.HoldsRates() {
		s, err := schedule.New(e, stepsPerEpoch)
		if err != nil {
			return nil, err
		}
		for step := range e.Train.Epochs * stepsPerEpoch {
			o.Rates = append(o.Rates, float32(s.Rate(step)))
		}
	}
	return n.Artifacts(o)
}

// trainingOptions are those of Artifacts, without the rates.
func trainingOptions(e configs.Experiment, target string) onnxmodels.TrainingOptions {
	micro := MicroBatch(e)
	o := onnxmodels.TrainingOptions{
		Replicas:       e.Train.Replicas * micro / e.Train.BatchSize,
		MicroBatches:   e.Train.BatchSize / micro,
		LabelSmoothing: float32(e.Train.LabelSmoothing),
		ClassWeights:   weightsOf(e),
		Mixes:          e.Augment.Mixes(),
		Mixed:          e.Runtime.Precision == configs.MixedFloat16 && target == onnxmodels.TargetCUDA,
		Target:         target,
		Block:          session.Block(),
	}
	if target != onnxmodels.TargetPortable {
		o.Batch = micro
	}
	setOptimizer(&o, e.Optimizer)
	return o
}

// setOptimizer puts the settings of the optimizer into the options, without the rates.
func setOptimizer(o *onnxmodels.TrainingOptions, s configs.Optimizer) {
	o.Optimizer, o.ClipNorm = s.Kind, float32(s.ClipNorm)
	o.WeightDecay, o.DecayAll = float32(s.WeightDecay), s.DecayAll
	if s.IsAdam() {
		o.Beta1, o.Beta2, o.Epsilon = s.Beta1, s.Beta2, s.Epsilon
		return
	}
	o.Momentum, o.Nesterov = float32(s.Momentum), s.Nesterov
	o.MomentumCorrection = s.MomentumCorrection && !s.HoldsRates()
}

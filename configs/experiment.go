package configs

import (
	"cmp"
	"math"
)

// Experiment is one resolved experiment: every setting that decides what a
// training run or a sweep does. The zero value is not usable; Default and
// Load give complete ones.
type Experiment struct {
	// Name is what the run is called in tables and reports.
	Name string `yaml:"name" json:"name"`
	// Seed keys every random number of the run.
	Seed      uint64    `yaml:"seed" json:"seed"`
	Model     Model     `yaml:"model" json:"model"`
	Data      Data      `yaml:"data" json:"data"`
	Augment   Augment   `yaml:"augment" json:"augment"`
	Train     Train     `yaml:"train" json:"train"`
	Optimizer Optimizer `yaml:"optimizer" json:"optimizer"`
	Schedule  Schedule  `yaml:"schedule" json:"schedule"`
	Diagnose  Diagnose  `yaml:"diagnose" json:"diagnose"`
	Runtime   Runtime   `yaml:"runtime" json:"runtime"`
	Sweep     Sweep     `yaml:"sweep" json:"sweep"`
}

// Model describes the network. The input size is that of the data.
type Model struct {
	// Kind is the architecture: KindCNN, KindResNet, KindMobileNet, KindONNX or KindOwn.
	Kind string `yaml:"kind" json:"kind"`
	// Path is the ONNX model of KindONNX.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// Head is HeadAuto, HeadKeep or HeadReplace: what becomes of the classifier of
	// KindONNX.
	Head string `yaml:"head,omitempty" json:"head,omitempty"`
	// Train names the parameters of KindONNX that are trained: "all", "head", or patterns
	// of their names; "-" before one takes what it names out again.
	Train []string `yaml:"train,omitempty" json:"train,omitempty"`
	// Normalize says how KindONNX takes images: NormalizeAuto, a preset, or
	// "MEAN,…/DEVIATION,…" for the channels of images in 0..1.
	Normalize string `yaml:"normalize,omitempty" json:"normalize,omitempty"`
	// Form is FormCIFAR or FormImageNet: for which images KindResNet and KindMobileNet are.
	Form string `yaml:"form,omitempty" json:"form,omitempty"`
	// Depth is the number of layers of KindResNet: 6n+2 in FormCIFAR, and 18, 34, 50, 101
	// or 152 in FormImageNet.
	Depth int `yaml:"depth,omitempty" json:"depth,omitempty"`
	// WidthFactor multiplies the channels of KindResNet and KindMobileNet.
	WidthFactor float64 `yaml:"width_factor,omitempty" json:"width_factor,omitempty"`
	// Strides are those of the stages of all kinds that are built here. Without any, KindCNN
	// has pools between its stages, and the others have their form's strides.
	Strides []int `yaml:"strides,omitempty" json:"strides,omitempty"`
	// Activation is ActivationAuto, which is relu6 in KindMobileNet and relu in others, or
	// relu, relu6, leaky_relu, elu, silu, hard_swish or gelu.
	Activation string `yaml:"activation,omitempty" json:"activation,omitempty"`
	// Dropout is the share of values before the classifier that training drops, in [0, 1).
	Dropout float64 `yaml:"dropout,omitempty" json:"dropout,omitempty"`
	// Widths are the channels of each stage of KindCNN, at least one stage.
	Widths []int `yaml:"widths" json:"widths"`
	// Convolutions is how many 3x3 convolutions each stage of KindCNN has.
	Convolutions int `yaml:"convolutions" json:"convolutions"`
	// Classes is the number of outputs, at least 2; 0 means as many as the data has
	// classes.
	Classes int `yaml:"classes" json:"classes"`
	// BatchNorm is the same for all layers of batch normalisation.
	BatchNorm BatchNorm `yaml:"batchnorm" json:"batchnorm"`
}

// BatchNorm describes batch normalisation (Ioffe and Szegedy 2015), which uses
// the batch's own mean and variance in training and running statistics of them
// afterwards.
type BatchNorm struct {
	// Momentum is the share of the running statistics that a step keeps, between
	// 0 and 1.
	Momentum float64 `yaml:"momentum" json:"momentum"`
	// Epsilon is added to variances, above 0.
	Epsilon float64 `yaml:"epsilon" json:"epsilon"`
	// Statistics is StatisticsKeras, StatisticsCorrected or
	// StatisticsRecalibrated: where the statistics of evaluations and of
	// exported models come from.
	Statistics string `yaml:"statistics" json:"statistics"`
	// Mode is what the batch normalisation of KindONNX does in training: BatchNormAuto,
	// BatchNormTrain or BatchNormFreeze. In YAML, "batchnorm: freeze" is short for it.
	Mode string `yaml:"mode" json:"mode"`
}

// The modes of [BatchNorm].
const (
	// BatchNormAuto trains what the model has in the form that trains, unless its scale and
	// bias are both frozen.
	BatchNormAuto = "auto"
	// BatchNormTrain normalises by the batch and moves the running statistics.
	BatchNormTrain = "train"
	// BatchNormFreeze normalises by the model's running statistics.
	BatchNormFreeze = "freeze"
)

// The running statistics of [BatchNorm].
const (
	// StatisticsKeras keeps the share Momentum at every step, as Keras does and
	// as the study ran. After n steps, the share Momentum^n is still the values
	// that the statistics began with.
	StatisticsKeras = "keras"
	// StatisticsCorrected keeps min(Momentum, 1 - 1/n) at step n, counted from
	// 1: the statistics are the plain mean over the first 1/(1 - Momentum)
	// steps, and hold nothing of the values that they began with.
	StatisticsCorrected = "corrected"
	// StatisticsRecalibrated is StatisticsCorrected within an epoch. At its end
	// the statistics are measured anew on training images, all with the
	// parameters of that moment (Wu and Johnson 2021, section 3, "PreciseBN").
	StatisticsRecalibrated = "recalibrated"
)

// KeepsInitial is the share of BatchNorm's running statistics that is still what
// they began with after so many steps: 0 but for StatisticsKeras.
func (b BatchNorm) KeepsInitial(steps int) float64 {
	if b.Statistics != StatisticsKeras {
		return 0
	}
	return math.Pow(b.Momentum, float64(steps))
}

// What becomes of the classifier of a model that is read.
const (
	// HeadAuto replaces it if the data has another number of classes.
	HeadAuto = "auto"
	// HeadKeep leaves it as it is.
	HeadKeep = "keep"
	// HeadReplace puts a new, initialised one in its place.
	HeadReplace = "replace"
)

// NormalizeAuto takes the normalisation that the model's metadata tell.
const NormalizeAuto = "auto"

// Data says which images are trained on and which are held out.
type Data struct {
	// Source is "synthetic", "cifar10", "cifar100", SourceMNIST or "folder".
	Source string `yaml:"source" json:"source"`
	// Path is the folder that holds the files; empty means the embedded
	// default, which only "synthetic" has, and for SourceMNIST what is fetched.
	Path string `yaml:"path" json:"path"`
	// Train and Validation limit the number of images; 0 takes all there are.
	Train      int `yaml:"train" json:"train"`
	Validation int `yaml:"validation" json:"validation"`
	// Size is the height in pixels to which the images of a folder are resized; 0
	// means 32. Width is the width; 0 means that of the height. The other sources have
	// a size of their own.
	Size  int `yaml:"size" json:"size"`
	Width int `yaml:"width" json:"width"`
	// Channels is 1 for grey images and 3 for those in colour, which others are turned
	// into; 0 means as many as the source has: 1 of SourceMNIST, 3 of the others.
	Channels int `yaml:"channels" json:"channels"`
	// ValidationShare is the share of each class of a folder, in [0, 1), that is held
	// out for validation where the validation images have no folder of their own; 0
	// means 0.2.
	ValidationShare float64 `yaml:"validation_share" json:"validation_share"`
	// Labels is a CSV file in the folder that says which classes its images have, where
	// they may have several and so are in no folder of a class; empty for others.
	Labels string `yaml:"labels" json:"labels"`
	// Broken is "refuse" or BrokenSkip: what becomes of images of a folder that cannot
	// be read.
	Broken string `yaml:"broken" json:"broken"`
	// ImageMemory is how many megabytes (of 2^20 bytes) decoding one image of a folder
	// may take; 0 means 1536.
	ImageMemory int `yaml:"image_memory" json:"image_memory"`
}

// Sides are the height and the width in pixels to which the images of a folder are
// resized.
func (d Data) Sides() (height, width int) {
	height = cmp.Or(d.Size, 32)
	return height, cmp.Or(d.Width, height)
}

// LeavesSize tells whether the size of a folder's images is left open.
func (d Data) LeavesSize() bool { return d.Source == "folder" && d.Size == 0 && d.Width == 0 }

// SettleSize resizes a folder's images to height x width pixels where their size is left open.
func (d *Data) SettleSize(height, width int) {
	if !d.LeavesSize() {
		return
	}
	if d.Size, d.Width = height, width; width == height {
		d.Width = 0
	}
}

// SourceMNIST is MNIST, or with a path any set of grey images in IDX files.
const SourceMNIST = "mnist"

// ImageChannels is how many channels the images have: 1 if they are grey, else 3.
func (d Data) ImageChannels() int {
	switch {
	case d.Channels != 0:
		return d.Channels
	case d.Source == SourceMNIST:
		return 1
	}
	return 3
}

// SettleChannels gives images so many channels where the number is left open and theirs is
// another.
func (d *Data) SettleChannels(channels int) {
	if d.Channels == 0 && d.ImageChannels() != channels {
		d.Channels = channels
	}
}

// MultiLabel tells whether images may have several classes.
func (d Data) MultiLabel() bool { return d.Labels != "" }

// BrokenSkip leaves out images that cannot be read.
const BrokenSkip = "skip"

// Augment says what happens to each training image.
type Augment struct {
	// Recipe is "none", "shift", "medium", "strong" or "custom".
	Recipe string `yaml:"recipe" json:"recipe"`
	// Without are kinds of operations that the recipe leaves out, if it has them.
	Without []string `yaml:"without" json:"without"`
	// Geometry is "keras-2018" or "keras-3".
	Geometry string `yaml:"geometry" json:"geometry"`
	// Operations is the list that the recipe "custom" applies.
	Operations []Operation `yaml:"operations,omitempty" json:"operations,omitempty"`
	// Mixup and CutMix, if above 0, are alpha of the Beta distribution that the shares of
	// two mixed images are drawn from. With both, a coin is tossed for each image.
	Mixup  float64 `yaml:"mixup" json:"mixup"`
	CutMix float64 `yaml:"cutmix" json:"cutmix"`
}

// Mixes tells whether images are mixed with others.
func (a Augment) Mixes() bool { return a.Mixup > 0 || a.CutMix > 0 }

// Operation is one augmentation of a custom recipe: its kind and its ranges.
type Operation struct {
	Kind   string             `yaml:"kind" json:"kind"`
	Ranges map[string]float64 `yaml:",inline" json:"ranges,omitempty"`
}

// Train sizes the training loop.
type Train struct {
	Epochs    int `yaml:"epochs" json:"epochs"`
	BatchSize int `yaml:"batch_size" json:"batch_size"`
	// Replicas is into how many parts a batch is cut for BatchNorm, each
	// normalised by itself; it divides BatchSize.
	Replicas int `yaml:"replicas" json:"replicas"`
	// MicroBatch is how many images go through the network at once; 0 means
	// BatchSize/Replicas, and on "cuda" BatchSize. It is a multiple of
	// BatchSize/Replicas and divides BatchSize.
	MicroBatch int `yaml:"micro_batch" json:"micro_batch"`
	// Loss is LossCrossEntropy, LossBinaryCrossEntropy or LossMeanSquaredError.
	Loss string `yaml:"loss" json:"loss"`
	// LabelSmoothing is the share s in [0, 1) of the target that is spread
	// evenly over the K classes: the true class gets 1 - s + s/K
	// (Szegedy et al. 2016, section 7).
	LabelSmoothing float64 `yaml:"label_smoothing" json:"label_smoothing"`
	// Balance is BalanceNone, BalanceWeights or BalanceSampling: what is done about
	// classes of which there are more training images than of others.
	Balance string `yaml:"balance" json:"balance"`
	// ClassWeights, if not empty, has for each class the factor of the losses of its
	// training images.
	ClassWeights []float64 `yaml:"class_weights" json:"class_weights"`
	// CacheFeatures runs the frozen lower layers of a model from outside once over the
	// images, and trains the layers above them on what these give.
	CacheFeatures bool `yaml:"cache_features" json:"cache_features"`
	// CheckpointSteps is after how many steps a checkpoint is written besides
	// the one at the end of each epoch; 0 is only at the end of each epoch.
	CheckpointSteps int `yaml:"checkpoint_steps" json:"checkpoint_steps"`
	// KeepCheckpoints is how many of the latest checkpoints are kept besides
	// the best one.
	KeepCheckpoints int `yaml:"keep_checkpoints" json:"keep_checkpoints"`
	// StopPatience ends the run early, after so many epochs in a row in which
	// StopMonitor has not become better by more than StopMinDelta; 0 never does.
	StopPatience int     `yaml:"stop_patience" json:"stop_patience"`
	StopMinDelta float64 `yaml:"stop_min_delta" json:"stop_min_delta"`
	// StopMonitor is ValLoss or ValAccuracy.
	StopMonitor string `yaml:"stop_monitor" json:"stop_monitor"`
	// StopRestoreBest makes the trained model that of the best epoch by
	// StopMonitor, and not of the last one.
	StopRestoreBest bool `yaml:"stop_restore_best" json:"stop_restore_best"`
}

// The losses of [Train].
const (
	// LossCrossEntropy is that of the softmax, for images of one class each.
	LossCrossEntropy = "cross_entropy"
	// LossBinaryCrossEntropy asks of each class by itself whether an image has it.
	LossBinaryCrossEntropy = "binary_cross_entropy"
	// LossMeanSquaredError is of the differences between the outputs and 1 for the classes
	// that an image has and 0 for the others.
	LossMeanSquaredError = "mean_squared_error"
)

// What is done about classes of unequal numbers of images.
const (
	BalanceNone = "none"
	// BalanceWeights weighs losses inversely to how many images a class has.
	BalanceWeights = "weights"
	// BalanceSampling draws as many images of every class in each epoch.
	BalanceSampling = "sampling"
)

// The quantities of the history that can be monitored.
const (
	ValLoss     = "val_loss"
	ValAccuracy = "val_accuracy"
)

// KindPlateau is the one kind of schedule that follows the history.
const KindPlateau = "plateau"

// The optimizers.
const (
	// SGD is gradient descent with momentum, in Keras's form: v <- mu v - rate g;
	// w <- w + v.
	SGD = "sgd"
	// Adam is that of Kingma and Ba 2015, in PyTorch's form.
	Adam = "adam"
	// AdamW is Adam with a weight decay that is no part of the gradient (Loshchilov and
	// Hutter 2019).
	AdamW = "adamw"
	// LARS is SGD in which each layer's gradient is scaled to a share of the norm of the
	// layer's weights (You et al. 2017).
	LARS = "lars"
	// LAMB is AdamW in which each layer's step is scaled to the norm of the layer's
	// weights (You et al. 2020).
	LAMB = "lamb"
)

// Optimizer says how gradients change the weights.
type Optimizer struct {
	// Kind is SGD, Adam, AdamW, LARS or LAMB.
	Kind string `yaml:"kind" json:"kind"`
	// LearningRate is the rate at ReferenceBatch images a batch. How it grows
	// with the batch is Schedule.Scaling.
	LearningRate   float64 `yaml:"learning_rate" json:"learning_rate"`
	ReferenceBatch int     `yaml:"reference_batch" json:"reference_batch"`
	// RateMultipliers are of the form PATTERN=FACTOR: what the rate is multiplied by for
	// the parameters whose names the pattern matches. Of several that match, the last
	// counts. In YAML they may be a section of PATTERN: FACTOR.
	RateMultipliers []string `yaml:"rate_multipliers" json:"rate_multipliers"`
	// Momentum of SGD and LARS is in [0, 1).
	Momentum float64 `yaml:"momentum" json:"momentum"`
	// Nesterov takes the step of SGD that the next velocity would be of with the same
	// gradient: w <- w + mu v - rate g.
	Nesterov bool `yaml:"nesterov" json:"nesterov"`
	// MomentumCorrection multiplies the velocity by the ratio of this step's
	// rate to the one before (Goyal et al. 2017, section 3, remark 2): the velocity
	// then is PyTorch's. In mixed precision, where it holds the rates (HoldsRates), a
	// step that is left out takes none of them, and they come a step later.
	MomentumCorrection bool `yaml:"momentum_correction" json:"momentum_correction"`
	// Beta1 and Beta2, in [0, 1), are what Adam, AdamW and LAMB keep of the averages of
	// the gradients and of their squares; Epsilon is added to the root of the latter.
	Beta1   float64 `yaml:"beta1" json:"beta1"`
	Beta2   float64 `yaml:"beta2" json:"beta2"`
	Epsilon float64 `yaml:"epsilon" json:"epsilon"`
	// TrustCoefficient of LARS is the share of a layer's norm that its step has at rate 1.
	// LARS and LAMB leave biases and BatchNorm's parameters as SGD and Adam have them,
	// unless DecayAll.
	TrustCoefficient float64 `yaml:"trust_coefficient" json:"trust_coefficient"`
	// ClipNorm, if above 0, is the norm of all gradients of a step together that
	// larger ones are scaled down to, before any weight decay.
	ClipNorm float64 `yaml:"clip_norm" json:"clip_norm"`
	// WeightDecay is lambda: of SGD and Adam the coupled L2 coefficient, g <- g +
	// lambda w, of AdamW the decoupled one, w <- w - rate lambda w.
	// It leaves out biases and BatchNorm's parameters unless DecayAll.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`
	DecayAll    bool    `yaml:"decay_all" json:"decay_all"`
	// EMADecay, in [0, 1), is the share d of an exponential moving average of the weights
	// that a step keeps, a <- d a + (1 - d) w; 0 is no average. With EMAWarmup it is at
	// most (1 + t)/(10 + t) after t steps. Evaluation and the trained model take the
	// average, and training goes on from the weights themselves.
	EMADecay  float64 `yaml:"ema_decay" json:"ema_decay"`
	EMAWarmup bool    `yaml:"ema_warmup" json:"ema_warmup"`
}

// IsAdam tells whether the optimizer is a form of Adam.
func (o Optimizer) IsAdam() bool { return o.Kind == Adam || o.Kind == AdamW || o.Kind == LAMB }

// HoldsRates tells whether the learning rates of all steps are kept in the optimizer's
// model, and so are known before the first one.
func (o Optimizer) HoldsRates() bool {
	return o.MomentumCorrection && o.Kind == SGD && !o.Nesterov && o.ClipNorm == 0 && o.EMADecay == 0
}

// Schedule says how the learning rate changes over the run. Package schedule
// below trainloop turns it into a function of the step.
type Schedule struct {
	// Kind is "step", "constant", "exponential", "cosine", "one-cycle",
	// "polynomial" or KindPlateau.
	Kind string `yaml:"kind" json:"kind"`
	// DecayEpochs are the epochs, counted from 0, at whose start the rate is
	// multiplied by DecayFactor. Kind "step" alone uses them.
	DecayEpochs []int `yaml:"decay_epochs" json:"decay_epochs"`
	// DecayFactor is what "step" multiplies the rate by at each of DecayEpochs,
	// "exponential" after every epoch and "plateau" at every plateau.
	DecayFactor float64 `yaml:"decay_factor" json:"decay_factor"`
	// FinalFraction is the rate at the end of the run as a fraction of the
	// peak, for "cosine", "one-cycle" and "polynomial".
	FinalFraction float64 `yaml:"final_fraction" json:"final_fraction"`
	// Power is the exponent of "polynomial"; 1 is a straight line.
	Power float64 `yaml:"power" json:"power"`
	// StartFraction is the first rate of "one-cycle" as a fraction of the
	// peak, and PeakAt the share of the run after which it is at the peak.
	StartFraction float64 `yaml:"start_fraction" json:"start_fraction"`
	PeakAt        float64 `yaml:"peak_at" json:"peak_at"`
	// Monitor is ValLoss or ValAccuracy. Where it has not become better by more
	// than MinDelta for Patience epochs in a row, "plateau" lowers the rate, but
	// not below MinRate; the Cooldown epochs after that do not count. These are
	// the parameters of Keras's ReduceLROnPlateau.
	Monitor  string  `yaml:"monitor" json:"monitor"`
	Patience int     `yaml:"patience" json:"patience"`
	Cooldown int     `yaml:"cooldown" json:"cooldown"`
	MinDelta float64 `yaml:"min_delta" json:"min_delta"`
	MinRate  float64 `yaml:"min_rate" json:"min_rate"`
	// WarmupEpochs is how long the rate rises linearly from the unscaled rate
	// to the scaled one (Goyal et al. 2017, section 2.2); 0 is no warmup. It is
	// at most the run's epochs, and less for the kinds that fall after it; all of
	// DecayEpochs come later, and "one-cycle", which warms up by itself, has none.
	WarmupEpochs int `yaml:"warmup_epochs" json:"warmup_epochs"`
	// WarmupBy is "step" or "epoch": when the rising rate changes.
	WarmupBy string `yaml:"warmup_by" json:"warmup_by"`
	// Scaling is how the rate follows the batch size: "linear", "sqrt" or
	// "none".
	Scaling string `yaml:"scaling" json:"scaling"`
}

// Diagnose says when it is measured why a run goes as it does. It changes nothing of the run.
type Diagnose struct {
	// Every is the number of epochs from one measurement to the next; 0 makes none.
	Every int `yaml:"every" json:"every"`
	// Images is how many images' gradients show the noise scale.
	Images int `yaml:"images" json:"images"`
	// TimeShare is the most of a run's time, in (0, 1], that measurements take; 1 is no
	// bound.
	TimeShare float64 `yaml:"time_share" json:"time_share"`
}

// The precisions of [Runtime].
const (
	Float32      = "float32"
	MixedFloat16 = "mixed_float16"
)

// Runtime says where the arithmetic runs.
type Runtime struct {
	// Device is "cpu" or "cuda".
	Device string `yaml:"device" json:"device"`
	// Threads is the number of intra-operator threads; 0 takes all cores that the
	// process may use.
	Threads int `yaml:"threads" json:"threads"`
	// TF32 lets the tensor cores of NVIDIA GPUs take 10 of the 23 fraction
	// bits of each factor in convolutions and matrix products; sums stay
	// float32. CPUs have no such mode.
	TF32 bool `yaml:"tf32" json:"tf32"`
	// Precision is "float32", or "mixed_float16" for images and their gradients
	// in float16 on a GPU, with parameters, sums and statistics in float32 and the
	// loss scaled: Keras's names. CPUs have no such kernels.
	Precision string `yaml:"precision" json:"precision"`
	// Library is the path of ONNX Runtime's shared library; empty finds or
	// fetches it.
	Library string `yaml:"library" json:"library"`
}

// Sweep is the grid of a sweep: every condition at every batch size with
// every seed.
type Sweep struct {
	// Conditions are names of built-in conditions (see Conditions) or of
	// Definitions.
	Conditions []string `yaml:"conditions" json:"conditions"`
	BatchSizes []int    `yaml:"batch_sizes" json:"batch_sizes"`
	Seeds      []uint64 `yaml:"seeds" json:"seeds"`
	// Definitions are further conditions, or replace built-in ones: what each
	// changes in the experiment.
	Definitions map[string]Overlay `yaml:"definitions,omitempty" json:"definitions,omitempty"`
}

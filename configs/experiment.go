package configs

import (
	"cmp"
	"math"
	"slices"
)

// Experiment is a complete experiment: it has every setting that decides what a training
// run or a sweep does. The zero value is not usable; Default and Load return complete
// experiments.
type Experiment struct {
	// Name is the name of the run in tables and reports.
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
	// Head is HeadAuto, HeadKeep or HeadReplace: whether the classifier of KindONNX is
	// replaced.
	Head string `yaml:"head,omitempty" json:"head,omitempty"`
	// Train selects the parameters of KindONNX that are trained: "all", "head", or patterns
	// of their names. "-" before a pattern deselects the parameters that match it.
	Train []string `yaml:"train,omitempty" json:"train,omitempty"`
	// Normalize is how images are normalised for KindONNX: NormalizeAuto, a preset, or
	// "MEAN,…/DEVIATION,…" for each channel of images in 0..1.
	Normalize string `yaml:"normalize,omitempty" json:"normalize,omitempty"`
	// Form is FormCIFAR or FormImageNet: the size of images that KindResNet and
	// KindMobileNet are made for.
	Form string `yaml:"form,omitempty" json:"form,omitempty"`
	// Depth is the number of layers of KindResNet: 6n+2 in FormCIFAR, and 18, 34, 50, 101
	// or 152 in FormImageNet.
	Depth int `yaml:"depth,omitempty" json:"depth,omitempty"`
	// WidthFactor multiplies the channels of KindResNet and KindMobileNet.
	WidthFactor float64 `yaml:"width_factor,omitempty" json:"width_factor,omitempty"`
	// Strides are the strides of the stages of KindCNN, KindResNet and KindMobileNet. If
	// empty, KindCNN pools between its stages, and the others have the strides of their form.
	Strides []int `yaml:"strides,omitempty" json:"strides,omitempty"`
	// Activation is ActivationAuto (relu6 in KindMobileNet, relu in the others), relu, relu6,
	// leaky_relu, elu, silu, hard_swish or gelu.
	Activation string `yaml:"activation,omitempty" json:"activation,omitempty"`
	// Dropout is the share of the classifier's inputs that training drops, in [0, 1).
	Dropout float64 `yaml:"dropout,omitempty" json:"dropout,omitempty"`
	// Widths is the number of channels of each stage of KindCNN. There is at least one stage.
	Widths []int `yaml:"widths" json:"widths"`
	// Convolutions is how many 3x3 convolutions each stage of KindCNN has.
	Convolutions int `yaml:"convolutions" json:"convolutions"`
	// Classes is the number of outputs, at least 2; 0 means the number of classes of the
	// data.
	Classes int `yaml:"classes" json:"classes"`
	// BatchNorm is the same for all layers of batch normalisation.
	BatchNorm BatchNorm `yaml:"batchnorm" json:"batchnorm"`
}

// BatchNorm describes batch normalisation (Ioffe and Szegedy 2015), which uses
// the mean and variance of the batch in training, and running statistics of them
// in evaluation.
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
	// BatchNormAuto normalises by the batch in those layers that the model has in training
	// mode, unless scale and bias are both frozen.
	BatchNormAuto = "auto"
	// BatchNormTrain normalises by the batch and moves the running statistics.
	BatchNormTrain = "train"
	// BatchNormFreeze normalises by the model's running statistics.
	BatchNormFreeze = "freeze"
)

// The running statistics of [BatchNorm].
const (
	// StatisticsKeras keeps the share Momentum at every step, as Keras and the study
	// do. After n steps, the initial values still have the share Momentum^n in the
	// statistics.
	StatisticsKeras = "keras"
	// StatisticsCorrected keeps the share min(Momentum, 1 - 1/n) at step n, counted
	// from 1: during the first 1/(1 - Momentum) steps the statistics are the plain mean,
	// and the initial values have no share in them.
	StatisticsCorrected = "corrected"
	// StatisticsRecalibrated is StatisticsCorrected within an epoch. At the end of the
	// epoch, the statistics are measured again on training images, with the parameters
	// of that moment (Wu and Johnson 2021, section 3, "PreciseBN").
	StatisticsRecalibrated = "recalibrated"
)

// KeepsInitial returns the share that the initial values still have in BatchNorm's running
// statistics after that many steps. It is 0 except for StatisticsKeras.
func (b BatchNorm) KeepsInitial(steps int) float64 {
	if b.Statistics != StatisticsKeras {
		return 0
	}
	return math.Pow(b.Momentum, float64(steps))
}

// Whether the classifier of KindONNX is replaced.
const (
	// HeadAuto replaces the classifier if the data has another number of classes.
	HeadAuto = "auto"
	// HeadKeep keeps the classifier of the model.
	HeadKeep = "keep"
	// HeadReplace replaces the classifier by a new, randomly initialised one.
	HeadReplace = "replace"
)

// NormalizeAuto reads the normalisation from the model's metadata.
const NormalizeAuto = "auto"

// Data says which images are trained on and which are held out.
type Data struct {
	// Source is "synthetic", "cifar10", "cifar100", SourceMNIST, "folder" or "shards".
	Source string `yaml:"source" json:"source"`
	// Path is the folder with the files. If it is empty, synthetic draws its images, and
	// SourceMNIST fetches them; the other sources need a path.
	Path string `yaml:"path" json:"path"`
	// Train and Validation limit the number of images; 0 means all images.
	Train      int `yaml:"train" json:"train"`
	Validation int `yaml:"validation" json:"validation"`
	// Size is the height in pixels to which the images of a folder, or of SourceMNIST, are
	// resized; 0 means 32, and for SourceMNIST that images keep their size. Width is the
	// width; 0 means that it equals the height. Images of other sources are not resized.
	Size  int `yaml:"size" json:"size"`
	Width int `yaml:"width" json:"width"`
	// Channels is the number of channels to which images are converted: 1 for grey and 3
	// for colour. 0 means as many as the source has: 1 for SourceMNIST, 3 for the others.
	Channels int `yaml:"channels" json:"channels"`
	// ValidationShare is the share of each class of a folder, in [0, 1), that is held out
	// for validation if there is no folder of validation images; 0 means 0.2.
	ValidationShare float64 `yaml:"validation_share" json:"validation_share"`
	// Labels is a CSV file in the folder that says which classes each image has, if it may
	// have several. It is empty if each class has its own folder.
	Labels string `yaml:"labels" json:"labels"`
	// Broken is "refuse" or BrokenSkip: whether an image of a folder that cannot be read is
	// an error or is left out.
	Broken string `yaml:"broken" json:"broken"`
	// ImageMemory is the largest number of megabytes (of 2^20 bytes) for decoding one image
	// of a folder; 0 means 1536.
	ImageMemory int `yaml:"image_memory" json:"image_memory"`
	// Transform says how images of a folder are cut and resized when augmentation does not
	// crop them: "square", "torchvision" or "timm".
	Transform string `yaml:"transform" json:"transform"`
	// Read is ReadAuto, ReadMemory or ReadStream: whether images of a folder stay in their
	// files until they are needed.
	Read string `yaml:"read" json:"read"`
	// Memory is the largest number of megabytes (of 2^20 bytes) for the pixels of a
	// folder's images; 0 means 512. If they would take more, images are read when they are
	// needed.
	Memory int `yaml:"memory" json:"memory"`
	// Decoder is the decoder of JPEG images: "auto", "libjpeg-turbo" or "go".
	Decoder string `yaml:"decoder" json:"decoder"`
}

// Whether images stay in their files until they are needed.
const (
	ReadAuto   = "auto"
	ReadMemory = "memory"
	ReadStream = "stream"
)

// The decoders of JPEG images, and TransformSquare, the only transform of earlier versions.
const (
	DecoderAuto     = "auto"
	DecoderTurbo    = "libjpeg-turbo"
	DecoderGo       = "go"
	TransformSquare = "square"
)

// Photographs reports whether the images are files of any size, which are resized.
func (d Data) Photographs() bool { return d.Source == "folder" || d.Source == "shards" }

// Turbo reports whether JPEG images are decoded with libjpeg-turbo if it is available. That
// is so if it is set and, with DecoderAuto, if images are streamed or transformed in ways
// that earlier versions did not have. Otherwise the pixels must stay those of earlier
// versions.
func (d Data) Turbo() bool {
	return d.Decoder == DecoderTurbo || d.Decoder == DecoderAuto && (d.Source == "shards" || d.Read == ReadStream || d.Transform != TransformSquare)
}

// Sides returns the height and the width in pixels to which the images are resized, or
// those that the images of the source have.
func (d Data) Sides() (height, width int) {
	own := 32
	if d.Source == SourceMNIST {
		own = 28 // in all known sets
	}
	height = cmp.Or(d.Size, own)
	return height, cmp.Or(d.Width, height)
}

// resizes reports whether the images of the source are resized to the size that is set.
func (d Data) resizes() bool { return d.Photographs() || d.Source == SourceMNIST }

// LeavesSize reports whether images can be resized but no size is set.
func (d Data) LeavesSize() bool { return d.resizes() && d.Size == 0 && d.Width == 0 }

// SettleSize sets the size to height x width pixels if LeavesSize.
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

// ImageChannels returns the number of channels of the images: 1 if they are grey, else 3.
func (d Data) ImageChannels() int {
	switch {
	case d.Channels != 0:
		return d.Channels
	case d.Source == SourceMNIST:
		return 1
	}
	return 3
}

// SettleChannels sets Channels if it is 0 and the source has another number than channels.
func (d *Data) SettleChannels(channels int) {
	if d.Channels == 0 && d.ImageChannels() != channels {
		d.Channels = channels
	}
}

// MultiLabel reports whether images may have several classes.
func (d Data) MultiLabel() bool { return d.Labels != "" }

// BrokenSkip leaves out images that cannot be read.
const BrokenSkip = "skip"

// Augment says what happens to each training image.
type Augment struct {
	// Recipe is "none", "shift", "medium", "strong", "photo" or "custom".
	Recipe string `yaml:"recipe" json:"recipe"`
	// Without has the kinds of operations that are removed from the recipe.
	Without []string `yaml:"without" json:"without"`
	// Geometry is "keras-2018" or "keras-3".
	Geometry string `yaml:"geometry" json:"geometry"`
	// Operations has the operations of the recipe "custom".
	Operations []Operation `yaml:"operations,omitempty" json:"operations,omitempty"`
	// Mixup and CutMix, if above 0, are alpha of the Beta distribution from which the
	// shares of two mixed images are drawn. If both are set, one of them is chosen at
	// random for each image.
	Mixup  float64 `yaml:"mixup" json:"mixup"`
	CutMix float64 `yaml:"cutmix" json:"cutmix"`
}

// Crops reports whether images are random parts of their originals.
func (a Augment) Crops() bool {
	return a.Recipe == "photo" || a.Recipe == "custom" && slices.ContainsFunc(a.Operations, func(o Operation) bool { return o.Kind == "random_resized_crop" })
}

// Mixes reports whether images are mixed with others.
func (a Augment) Mixes() bool { return a.Mixup > 0 || a.CutMix > 0 }

// Operation is one augmentation of a custom recipe: its kind and its ranges.
type Operation struct {
	Kind   string             `yaml:"kind" json:"kind"`
	Ranges map[string]float64 `yaml:",inline" json:"ranges,omitempty"`
}

// Train has the settings of the training loop.
type Train struct {
	Epochs    int `yaml:"epochs" json:"epochs"`
	BatchSize int `yaml:"batch_size" json:"batch_size"`
	// Replicas is the number of parts of a batch that BatchNorm normalises
	// separately; it divides BatchSize.
	Replicas int `yaml:"replicas" json:"replicas"`
	// MicroBatch is how many images go through the network at once; 0 means
	// BatchSize/Replicas, or BatchSize on a device with [Traits].WholeBatch. It is a
	// multiple of BatchSize/Replicas and divides BatchSize.
	MicroBatch int `yaml:"micro_batch" json:"micro_batch"`
	// Loss is LossCrossEntropy, LossBinaryCrossEntropy or LossMeanSquaredError.
	Loss string `yaml:"loss" json:"loss"`
	// LabelSmoothing is the share s in [0, 1) of the target that is spread
	// evenly over the K classes: the true class gets 1 - s + s/K
	// (Szegedy et al. 2016, section 7).
	LabelSmoothing float64 `yaml:"label_smoothing" json:"label_smoothing"`
	// Balance is BalanceNone, BalanceWeights or BalanceSampling: how training makes up for
	// classes that have more images than others.
	Balance string `yaml:"balance" json:"balance"`
	// ClassWeights, if not empty, has one factor for each class, by which the losses of its
	// training images are multiplied.
	ClassWeights []float64 `yaml:"class_weights" json:"class_weights"`
	// CacheFeatures runs the frozen lower layers of KindONNX over the images only once, and
	// trains the layers above them on the features that these layers return.
	CacheFeatures bool `yaml:"cache_features" json:"cache_features"`
	// CheckpointSteps is the number of steps between checkpoints within an epoch. There is
	// always one at the end of each epoch; with 0 there are no others.
	CheckpointSteps int `yaml:"checkpoint_steps" json:"checkpoint_steps"`
	// KeepCheckpoints is how many of the latest checkpoints are kept, in addition to
	// the best one.
	KeepCheckpoints int `yaml:"keep_checkpoints" json:"keep_checkpoints"`
	// StopPatience, if above 0, ends the run early: after this many epochs in a row in
	// which StopMonitor has not improved by more than StopMinDelta.
	StopPatience int     `yaml:"stop_patience" json:"stop_patience"`
	StopMinDelta float64 `yaml:"stop_min_delta" json:"stop_min_delta"`
	// StopMonitor is ValLoss or ValAccuracy.
	StopMonitor string `yaml:"stop_monitor" json:"stop_monitor"`
	// StopRestoreBest exports the model of the best epoch by StopMonitor instead of
	// the last epoch.
	StopRestoreBest bool `yaml:"stop_restore_best" json:"stop_restore_best"`
}

// The losses of [Train].
const (
	// LossCrossEntropy is the cross-entropy of the softmax, for images of one class each.
	LossCrossEntropy = "cross_entropy"
	// LossBinaryCrossEntropy decides for each class separately whether an image has it.
	LossBinaryCrossEntropy = "binary_cross_entropy"
	// LossMeanSquaredError is the mean squared difference between the outputs and the
	// targets: 1 for the classes that an image has, 0 for the others.
	LossMeanSquaredError = "mean_squared_error"
)

// How training makes up for classes that have more images than others.
const (
	BalanceNone = "none"
	// BalanceWeights weights the loss of each image inversely to the number of images of
	// its class.
	BalanceWeights = "weights"
	// BalanceSampling draws the same number of images of every class in each epoch.
	BalanceSampling = "sampling"
)

// The columns of history.csv that can be monitored.
const (
	ValLoss     = "val_loss"
	ValAccuracy = "val_accuracy"
)

// KindPlateau is the only kind of schedule that depends on how the run goes.
const KindPlateau = "plateau"

// The optimizers.
const (
	// SGD is gradient descent with momentum, in Keras's form: v <- mu v - rate g;
	// w <- w + v.
	SGD = "sgd"
	// Adam is the optimizer of Kingma and Ba 2015, in PyTorch's form.
	Adam = "adam"
	// AdamW is Adam with decoupled weight decay, which is not part of the gradient
	// (Loshchilov and Hutter 2019).
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
	// LearningRate is the learning rate for batches of ReferenceBatch images.
	// Schedule.Scaling says how it grows with the batch size.
	LearningRate   float64 `yaml:"learning_rate" json:"learning_rate"`
	ReferenceBatch int     `yaml:"reference_batch" json:"reference_batch"`
	// RateMultipliers has entries of the form PATTERN=FACTOR. The rate of parameters whose
	// names match the pattern is multiplied by the factor. If several match, the last one
	// counts. In YAML they may be a section of PATTERN: FACTOR.
	RateMultipliers []string `yaml:"rate_multipliers" json:"rate_multipliers"`
	// Momentum of SGD and LARS is in [0, 1).
	Momentum float64 `yaml:"momentum" json:"momentum"`
	// Nesterov makes SGD's step that of Nesterov's momentum: w <- w + mu v - rate g, where
	// v is the velocity after its update.
	Nesterov bool `yaml:"nesterov" json:"nesterov"`
	// MomentumCorrection multiplies the velocity by the ratio of this step's rate to
	// that of the step before (Goyal et al. 2017, section 3, remark 2), which makes it
	// equal to PyTorch's. If HoldsRates, a step that mixed precision skips uses up no rate
	// of the schedule: later steps have the rates of one step earlier.
	MomentumCorrection bool `yaml:"momentum_correction" json:"momentum_correction"`
	// Beta1 and Beta2, in [0, 1), are the shares of the moving averages of the gradients
	// and of their squares that Adam, AdamW and LAMB keep at each step. Epsilon is added to
	// the root of the second.
	Beta1   float64 `yaml:"beta1" json:"beta1"`
	Beta2   float64 `yaml:"beta2" json:"beta2"`
	Epsilon float64 `yaml:"epsilon" json:"epsilon"`
	// TrustCoefficient of LARS is the norm of a layer's step at rate 1, as a share of the
	// norm of its weights. For biases and BatchNorm's parameters, the steps of LARS and LAMB
	// are those of SGD and Adam, unless DecayAll.
	TrustCoefficient float64 `yaml:"trust_coefficient" json:"trust_coefficient"`
	// ClipNorm, if above 0, is the largest norm that all gradients of a step may have
	// together, before weight decay. Larger gradients are scaled down to it.
	ClipNorm float64 `yaml:"clip_norm" json:"clip_norm"`
	// WeightDecay is lambda: for SGD, LARS and Adam the coupled L2 coefficient,
	// g <- g + lambda w; for AdamW and LAMB the decoupled one, w <- w - rate lambda w.
	// It does not apply to biases and BatchNorm's parameters, unless DecayAll.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`
	DecayAll    bool    `yaml:"decay_all" json:"decay_all"`
	// EMADecay, in [0, 1), is the share d of an exponential moving average of the weights
	// that a step keeps, a <- d a + (1 - d) w; 0 means no average. With EMAWarmup it is at
	// most (1 + t)/(10 + t) after t steps. Evaluation and the exported model use the
	// average; training continues with the weights themselves.
	EMADecay  float64 `yaml:"ema_decay" json:"ema_decay"`
	EMAWarmup bool    `yaml:"ema_warmup" json:"ema_warmup"`
}

// IsAdam reports whether the optimizer is Adam, AdamW or LAMB.
func (o Optimizer) IsAdam() bool { return o.Kind == Adam || o.Kind == AdamW || o.Kind == LAMB }

// HoldsRates reports whether the optimizer's model contains the learning rates of all
// steps, so that they must be known before the first step.
func (o Optimizer) HoldsRates() bool {
	return o.MomentumCorrection && o.Kind == SGD && !o.Nesterov && o.ClipNorm == 0 && o.EMADecay == 0
}

// Schedule says how the learning rate changes over the run. Package schedule
// below trainloop turns it into a function of the step.
type Schedule struct {
	// Kind is "step", "constant", "exponential", "cosine", "one-cycle",
	// "polynomial" or KindPlateau.
	Kind string `yaml:"kind" json:"kind"`
	// DecayEpochs are the epochs, counted from 0, at whose start the rate is multiplied by
	// DecayFactor. Only kind "step" uses them.
	DecayEpochs []int `yaml:"decay_epochs" json:"decay_epochs"`
	// DecayFactor is the factor by which "step" multiplies the rate at each of
	// DecayEpochs, "exponential" after every epoch and "plateau" at every plateau.
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
	// Monitor is ValLoss or ValAccuracy. If it has not improved by more than MinDelta
	// for Patience epochs in a row, "plateau" lowers the rate, but not below MinRate;
	// the Cooldown epochs after that do not count. These are the parameters of Keras's
	// ReduceLROnPlateau.
	Monitor  string  `yaml:"monitor" json:"monitor"`
	Patience int     `yaml:"patience" json:"patience"`
	Cooldown int     `yaml:"cooldown" json:"cooldown"`
	MinDelta float64 `yaml:"min_delta" json:"min_delta"`
	MinRate  float64 `yaml:"min_rate" json:"min_rate"`
	// WarmupEpochs is the number of epochs in which the rate rises linearly from the
	// unscaled rate to the scaled one (Goyal et al. 2017, section 2.2); 0 means no
	// warmup. It is at most the run's epochs, and fewer for "cosine" and
	// "polynomial". All of DecayEpochs come after it. It is 0 for "one-cycle", which
	// has its own warmup.
	WarmupEpochs int `yaml:"warmup_epochs" json:"warmup_epochs"`
	// WarmupBy is "step" or "epoch": whether the rate rises at every step or every epoch.
	WarmupBy string `yaml:"warmup_by" json:"warmup_by"`
	// Scaling is how the rate grows with the batch size: "linear", "sqrt" or
	// "none".
	Scaling string `yaml:"scaling" json:"scaling"`
}

// Diagnose says when a run measures the noise scale of its gradients, its sharpness and its
// steps. The measurements do not change the run.
type Diagnose struct {
	// Every is the number of epochs from one measurement to the next; 0 means none.
	Every int `yaml:"every" json:"every"`
	// Images is the number of images from whose gradients the noise scale is measured.
	Images int `yaml:"images" json:"images"`
	// TimeShare is the largest share of a run's time, in (0, 1], that measurements take; 1
	// means no bound.
	TimeShare float64 `yaml:"time_share" json:"time_share"`
}

// Runtime says where the arithmetic runs.
type Runtime struct {
	Device Device `yaml:"device" json:"device"`
	// Threads is the number of intra-operator threads; 0 takes all cores that the
	// process may use.
	Threads int `yaml:"threads" json:"threads"`
	// TF32 lets the tensor cores of NVIDIA GPUs use only 10 of the 23 fraction
	// bits of each factor in convolutions and matrix products; sums stay
	// float32. CPUs have no such mode.
	TF32 bool `yaml:"tf32" json:"tf32"`
	// Precision is Float32 or MixedFloat16, which are Keras's names. With MixedFloat16, a
	// GPU computes images and their gradients in float16, and parameters, sums and
	// statistics in float32, and scales the loss. CPUs have no kernels for it.
	Precision Precision `yaml:"precision" json:"precision"`
	// Library is the path of ONNX Runtime's shared library; if empty, it is found or
	// fetched.
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
	// Definitions are additional conditions, or replacements of built-in ones, by
	// name: the settings that each changes in the experiment.
	Definitions map[string]Overlay `yaml:"definitions,omitempty" json:"definitions,omitempty"`
}

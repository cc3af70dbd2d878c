package configs

import (
	"cmp"
	"math"
	"slices"
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
	// Source is "synthetic", "cifar10", "cifar100", "folder" or "shards".
	Source string `yaml:"source" json:"source"`
	// Path is the folder that holds the files; empty means the embedded
	// default, which only "synthetic" has.
	Path string `yaml:"path" json:"path"`
	// Train and Validation limit the number of images; 0 takes all there are.
	Train      int `yaml:"train" json:"train"`
	Validation int `yaml:"validation" json:"validation"`
	// Size is the height in pixels to which the images of a folder are resized; 0
	// means 32. Width is the width; 0 means that of the height. The other sources have
	// a size of their own.
	Size  int `yaml:"size" json:"size"`
	Width int `yaml:"width" json:"width"`
	// ValidationShare is the share of each class of a folder, in [0, 1), that is held
	// out for validation where the validation images have no folder of their own; 0
	// means 0.2.
	ValidationShare float64 `yaml:"validation_share" json:"validation_share"`
	// Broken is "refuse" or BrokenSkip: what becomes of images of a folder that cannot
	// be read.
	Broken string `yaml:"broken" json:"broken"`
	// ImageMemory is how many megabytes (of 2^20 bytes) decoding one image of a folder
	// may take; 0 means 1536.
	ImageMemory int `yaml:"image_memory" json:"image_memory"`
	// Transform is how images of a folder are cut and resized where nothing is drawn at
	// random: "square", "torchvision" or "timm".
	Transform string `yaml:"transform" json:"transform"`
	// Read is ReadAuto, ReadMemory or ReadStream: whether images of a folder stay in their
	// files until they are needed.
	Read string `yaml:"read" json:"read"`
	// Memory is how many megabytes (of 2^20 bytes) the pixels of a folder's images may
	// take; where they would take more, they are read when they are needed. 0 means 512.
	Memory int `yaml:"memory" json:"memory"`
	// Decoder is what decodes JPEG images: "auto", "libjpeg-turbo" or "go".
	Decoder string `yaml:"decoder" json:"decoder"`
}

// Whether images stay in their files until they are needed.
const (
	ReadAuto   = "auto"
	ReadMemory = "memory"
	ReadStream = "stream"
)

// The decoders of JPEG images, and TransformSquare, the transform that there always was.
const (
	DecoderAuto     = "auto"
	DecoderTurbo    = "libjpeg-turbo"
	DecoderGo       = "go"
	TransformSquare = "square"
)

// Photographs tells whether the images are files of any size, which are resized.
func (d Data) Photographs() bool { return d.Source == "folder" || d.Source == "shards" }

// Turbo tells whether JPEG images are decoded with libjpeg-turbo where it can be had:
// always if it is asked for; by DecoderAuto where images are streamed or transformed as
// no earlier version did it, and not where the pixels of earlier versions are wanted.
func (d Data) Turbo() bool {
	return d.Decoder == DecoderTurbo || d.Decoder == DecoderAuto && (d.Source == "shards" || d.Read == ReadStream || d.Transform != TransformSquare)
}

// Sides are the height and the width in pixels to which the images of a folder are
// resized.
func (d Data) Sides() (height, width int) {
	height = cmp.Or(d.Size, 32)
	return height, cmp.Or(d.Width, height)
}

// LeavesSize tells whether the size of a folder's images is left open.
func (d Data) LeavesSize() bool { return d.Photographs() && d.Size == 0 && d.Width == 0 }

// SettleSize resizes a folder's images to height x width pixels where their size is left open.
func (d *Data) SettleSize(height, width int) {
	if !d.LeavesSize() {
		return
	}
	if d.Size, d.Width = height, width; width == height {
		d.Width = 0
	}
}

// BrokenSkip leaves out images that cannot be read.
const BrokenSkip = "skip"

// Augment says what happens to each training image.
type Augment struct {
	// Recipe is "none", "shift", "medium", "strong", "photo" or "custom".
	Recipe string `yaml:"recipe" json:"recipe"`
	// Geometry is "keras-2018" or "keras-3".
	Geometry string `yaml:"geometry" json:"geometry"`
	// Operations is the list that the recipe "custom" applies.
	Operations []Operation `yaml:"operations,omitempty" json:"operations,omitempty"`
	// Mixup and CutMix, if above 0, are alpha of the Beta distribution that the shares of
	// two mixed images are drawn from. With both, a coin is tossed for each image.
	Mixup  float64 `yaml:"mixup" json:"mixup"`
	CutMix float64 `yaml:"cutmix" json:"cutmix"`
}

// Crops tells whether images are random parts of their originals.
func (a Augment) Crops() bool {
	return a.Recipe == "photo" || a.Recipe == "custom" && slices.ContainsFunc(a.Operations, func(o Operation) bool { return o.Kind == "random_resized_crop" })
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
)

// Optimizer says how gradients change the weights.
type Optimizer struct {
	// Kind is SGD, Adam or AdamW.
	Kind string `yaml:"kind" json:"kind"`
	// LearningRate is the rate at ReferenceBatch images a batch. How it grows
	// with the batch is Schedule.Scaling.
	LearningRate   float64 `yaml:"learning_rate" json:"learning_rate"`
	ReferenceBatch int     `yaml:"reference_batch" json:"reference_batch"`
	// Momentum of SGD is in [0, 1).
	Momentum float64 `yaml:"momentum" json:"momentum"`
	// Nesterov takes the step of SGD that the next velocity would be of with the same
	// gradient: w <- w + mu v - rate g.
	Nesterov bool `yaml:"nesterov" json:"nesterov"`
	// MomentumCorrection multiplies the velocity by the ratio of this step's
	// rate to the one before (Goyal et al. 2017, section 3, remark 2): the velocity
	// then is PyTorch's. In mixed precision, where it holds the rates (HoldsRates), a
	// step that is left out takes none of them, and they come a step later.
	MomentumCorrection bool `yaml:"momentum_correction" json:"momentum_correction"`
	// Beta1 and Beta2, in [0, 1), are what Adam and AdamW keep of the averages of the
	// gradients and of their squares; Epsilon is added to the root of the latter.
	Beta1   float64 `yaml:"beta1" json:"beta1"`
	Beta2   float64 `yaml:"beta2" json:"beta2"`
	Epsilon float64 `yaml:"epsilon" json:"epsilon"`
	// ClipNorm, if above 0, is the norm of all gradients of a step together that
	// larger ones are scaled down to, before any weight decay.
	ClipNorm float64 `yaml:"clip_norm" json:"clip_norm"`
	// WeightDecay is lambda: of SGD and Adam the coupled L2 coefficient, g <- g +
	// lambda w, of AdamW the decoupled one, w <- w - rate lambda w.
	// It leaves out biases and BatchNorm's parameters unless DecayAll.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`
	DecayAll    bool    `yaml:"decay_all" json:"decay_all"`
}

// IsAdam tells whether the optimizer is a form of Adam.
func (o Optimizer) IsAdam() bool { return o.Kind == Adam || o.Kind == AdamW }

// HoldsRates tells whether the learning rates of all steps are kept in the optimizer's
// model, and so are known before the first one.
func (o Optimizer) HoldsRates() bool {
	return o.MomentumCorrection && !o.IsAdam() && !o.Nesterov && o.ClipNorm == 0
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

// The precisions of [Runtime].
const (
	Float32      = "float32"
	MixedFloat16 = "mixed_float16"
)

// Runtime says where the arithmetic runs.
type Runtime struct {
	// Device is "cpu" or "cuda".
	Device string `yaml:"device" json:"device"`
	// Threads is the number of intra-operator threads; 0 takes all cores.
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

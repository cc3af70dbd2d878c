package configs

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"onnxlab/internal/normalization"
	"onnxlab/internal/printable"
)

// rule says what a setting accepts and what it means. Loading, Validate, the JSON Schema
// and docs/settings.md all use the same table of rules.
type rule struct {
	key, doc string
	// min and max bound a number, or each element of a list of numbers.
	min, max float64
	// below excludes max itself, above excludes min.
	below, above bool
	// names are the words that a text accepts; nil accepts any text.
	names []string
	// folder requires that a text is a relative path that stays within its folder.
	folder bool
	// path marks a text as the path of a file or folder.
	path bool
	// shortest and longest bound the length of a list.
	shortest, longest int
	// distinct forbids repeats in a list; ascending requires ascending order.
	distinct, ascending bool
	// pairs makes each text of a list NAME=NUMBER, and a section of NAME: NUMBER such a list.
	pairs bool
	// normalization requires that a text, unless it is empty or NormalizeAuto, says how images
	// are normalised.
	normalization bool
	// inert marks a setting that does not change the trained weights.
	inert bool
	// kinds are the kinds of networks that have the setting; nil is all.
	kinds []string
	// when reports whether the setting changes the trained weights of an experiment; nil
	// means that it always does.
	when func(e *Experiment) bool
}

// The conditions under which settings change the trained weights. Experiments that do not
// use a setting keep the hash that they had before the setting existed.
func hasTF32(e *Experiment) bool       { return e.Runtime.Device.Traits().TF32 }
func hasPrecisions(e *Experiment) bool { return len(e.Runtime.Device.Traits().Precisions) > 1 }
func stopsEarly(e *Experiment) bool    { return e.Train.StopPatience > 0 }
func hasStrides(e *Experiment) bool    { return len(e.Model.Strides) > 0 }
func hasActivation(e *Experiment) bool { return e.Model.Activation != ActivationAuto }
func normalizes(e *Experiment) bool {
	return e.Model.Kind == KindONNX || e.Model.Normalize != NormalizeAuto
}
func hasDropout(e *Experiment) bool     { return e.Model.Dropout != 0 }
func cachesFeatures(e *Experiment) bool { return e.Train.CacheFeatures }
func onPlateau(e *Experiment) bool      { return e.Schedule.Kind == KindPlateau }

func otherBatchNorm(e *Experiment) bool {
	b, usual := e.Model.BatchNorm, Default().Model.BatchNorm
	return b.Momentum != usual.Momentum || b.Epsilon != usual.Epsilon || b.Statistics != usual.Statistics
}
func byAdam(e *Experiment) bool          { return e.Optimizer.IsAdam() }
func bySGD(e *Experiment) bool           { return !e.Optimizer.IsAdam() }
func withNesterov(e *Experiment) bool    { return e.Optimizer.Nesterov }
func clips(e *Experiment) bool           { return e.Optimizer.ClipNorm > 0 }
func notSGD(e *Experiment) bool          { return e.Optimizer.Kind != SGD }
func byLARS(e *Experiment) bool          { return e.Optimizer.Kind == LARS }
func multipliesRates(e *Experiment) bool { return len(e.Optimizer.RateMultipliers) > 0 }
func averages(e *Experiment) bool        { return e.Optimizer.EMADecay > 0 }

func hasWidth(e *Experiment) bool   { return e.Data.Width != 0 }
func transforms(e *Experiment) bool { return e.Data.Transform != TransformSquare }

func hasChannels(e *Experiment) bool { return e.Data.Channels != 0 }
func leavesOut(e *Experiment) bool   { return len(e.Augment.Without) > 0 && e.Augment.Recipe != "none" }

func mixesUp(e *Experiment) bool  { return e.Augment.Mixup > 0 }
func cutMixes(e *Experiment) bool { return e.Augment.CutMix > 0 }

func otherLoss(e *Experiment) bool { return e.Train.Loss != LossCrossEntropy }
func balances(e *Experiment) bool  { return e.Train.Balance != BalanceNone }
func weighs(e *Experiment) bool    { return len(e.Train.ClassWeights) > 0 }

const (
	maxCount  = 1_000_000
	maxImages = 100_000_000
)

// rules is the table of every setting, in the order they are written.
func rules() []rule {
	return []rule{
		{key: "name", doc: "Name of the run in tables and reports.", inert: true, folder: true},
		{key: "seed", doc: "Seed of all random numbers of the run: initial weights, order of images, augmentation.", max: math.MaxUint64},

		{key: "model.kind", doc: "The architecture: cnn, the study's network; resnet, a residual network; mobilenet, MobileNetV2; onnx, a classifier in an ONNX file; own, a network that a Go program supplies.", names: append(built(), KindONNX, KindOwn)},
		{key: "model.path", doc: "Path of the ONNX model of kind onnx; its external data must be in the same folder.", kinds: []string{KindONNX}, inert: true, path: true},
		{key: "model.head", doc: "Whether the classifier of kind onnx is replaced by a new one: replace, keep, or auto, which replaces it if the data has another number of classes.", names: []string{HeadAuto, HeadKeep, HeadReplace}, kinds: []string{KindONNX}},
		{key: "model.train", doc: "Which parameters of kind onnx are trained: all, head, or patterns of names such as layer4.*; -PATTERN deselects parameters.", shortest: 1, longest: 1000, kinds: []string{KindONNX}},
		{key: "model.normalize", doc: "How the network takes images: 0..1, -1..1 (also tf), 0..255, imagenet, or MEAN,MEAN,MEAN/DEVIATION,DEVIATION,DEVIATION of images in 0..1, which becomes a part of the model; auto reads it from the metadata of kind onnx, and means 0..1 for other kinds.", normalization: true, kinds: append(built(), KindONNX), when: normalizes},
		{key: "model.form", doc: "Size of images that resnet and mobilenet are made for: cifar for small ones of about 32 pixels, imagenet for large ones, whose size the first layers reduce.", names: []string{FormCIFAR, FormImageNet}, kinds: []string{KindResNet, KindMobileNet}},
		{key: "model.depth", doc: "Number of layers of resnet: 6n+2 in form cifar, such as 20, 32, 44, 56 or 110; 18, 34, 50, 101 or 152 in form imagenet.", min: 8, max: 1010, kinds: []string{KindResNet}},
		{key: "model.width_factor", doc: "Factor of the number of channels of every layer of resnet and mobilenet.", max: 64, above: true, kinds: []string{KindResNet, KindMobileNet}},
		{key: "model.strides", doc: "Strides of the stages: 3 for resnet in form cifar and 4 in form imagenet, 7 for mobilenet, and for cnn as many as widths, instead of its pooling; [] means the usual strides of the kind.", min: 1, max: 64, longest: 8, kinds: built(), when: hasStrides},
		{key: "model.activation", doc: "Activation function after batch normalisation; auto means relu6 in mobilenet and relu in the others.", names: []string{ActivationAuto, "relu", "relu6", "leaky_relu", "elu", "silu", "hard_swish", "gelu"}, kinds: built(), when: hasActivation},
		{key: "model.dropout", doc: "Share of the classifier's inputs that training drops.", max: 1, below: true, kinds: built(), when: hasDropout},
		{key: "model.widths", doc: "Channels of each stage of cnn; the image is halved between stages.", min: 1, max: 4096, shortest: 1, longest: 8, kinds: []string{KindCNN}},
		{key: "model.convolutions", doc: "3x3 convolutions in each stage of cnn.", min: 1, max: 64, kinds: []string{KindCNN}},
		{key: "model.classes", doc: "Number of outputs of the network, at least 2. 0, the default, means the number of classes of the data.", max: 100_000},
		{key: "model.batchnorm.momentum", doc: "Share of BatchNorm's running statistics that a step keeps. If model.kind is resnet or mobilenet, the default is 0.9, as in PyTorch.", max: 1, above: true, below: true, when: otherBatchNorm},
		{key: "model.batchnorm.epsilon", doc: "Number that BatchNorm adds to variances. If model.kind is resnet or mobilenet, the default is 0.00001, as in PyTorch.", max: 1, above: true, when: otherBatchNorm},
		{
			key: "model.batchnorm.statistics", doc: "Running statistics of BatchNorm: keras moves them by the momentum only, so that after short runs the initial values still count; corrected starts with a plain mean, in which they do not; recalibrated measures the statistics again on training images before each evaluation. If data.source is folder, the default is recalibrated.",
			names: []string{StatisticsKeras, StatisticsCorrected, StatisticsRecalibrated}, when: otherBatchNorm,
		},
		{
			key: "model.batchnorm.mode", doc: "What BatchNormalization of kind onnx does in training: train normalises by the batch, freeze by the model's running statistics; auto normalises by the batch in layers that the model has in training mode, unless their scale and bias are frozen. The short form is model.batchnorm: freeze.",
			names: []string{BatchNormAuto, BatchNormTrain, BatchNormFreeze}, kinds: []string{KindONNX},
		},

		{key: "data.source", doc: "Where the images come from: folder has photographs in one folder for each class; shards has them in tar files, like WebDataset; mnist is MNIST or, with data.path, any set in IDX files, such as Fashion-MNIST, KMNIST and EMNIST.", names: []string{"synthetic", "cifar10", "cifar100", SourceMNIST, "folder", "shards"}},
		{key: "data.path", doc: "The folder with the files. If it is empty, synthetic draws its images, and mnist is fetched into the user's cache at first use; the other sources need a path.", inert: true, path: true},
		{key: "data.train", doc: "Largest number of training images; 0 means all.", max: maxImages},
		{key: "data.validation", doc: "Largest number of validation images; 0 means all.", max: maxImages},
		{key: "data.size", doc: "Height in pixels, and width if data.width is 0, to which the images of folder, shards or mnist are resized, after the largest part with these proportions was cut out of their middle; 0 means 32, and for mnist the size that the images have, 28.", max: 1024},
		{key: "data.width", doc: "Width in pixels to which the images of folder, shards or mnist are resized; 0 means the same as data.size.", max: 1024, when: hasWidth},
		{key: "data.channels", doc: "Channels of the images: 1 converts them to grey, by luminance, and 3 converts grey ones to red, green and blue; 0 means as many as the source has: 1 for mnist, 3 for the others.", max: 3, when: hasChannels},
		{key: "data.validation_share", doc: "Share of each class of a folder that is held out for validation if there is no folder of validation images; 0 means 0.2.", max: 1, below: true, inert: true},
		{key: "data.labels", doc: "A CSV file in the folder that says which classes each image has, if it may have several: a column of files and a column of their classes, separated by spaces, commas, | or ;, or a column of 0 and 1 for each class. A column split may say train, validation or test. Empty means that each class has its own folder.", inert: true},
		{key: "data.broken", doc: "What to do with images that cannot be read: refuse is an error that names all of them; skip leaves them out and lists them in environment.json.", names: []string{"refuse", BrokenSkip}, inert: true},
		{key: "data.image_memory", doc: "Largest memory in megabytes for decoding one image of a folder; 0 means 1536. A JPEG takes 1.5 to 3 per megapixel, a progressive one five times as much, other formats up to 24.", max: maxCount, inert: true},
		{key: "data.transform", doc: "How a folder's images are cut and resized when augmentation does not crop them: square resizes the largest part in the middle that has the right proportions; torchvision resizes the shorter side to 8/7 of the wanted size, bilinear and antialiased, and cuts out the middle, as torchvision's presets do with 256 and 224 pixels; timm does the same with a bicubic filter.", names: []string{TransformSquare, "torchvision", "timm"}, when: transforms},
		{key: "data.read", doc: "Where a folder's images are kept: memory keeps the pixels of all; stream reads each from its file when it is needed; auto streams them if they would take more than data.memory, or if augment crops images out of their originals.", names: []string{ReadAuto, ReadMemory, ReadStream}, inert: true},
		{key: "data.memory", doc: "Largest memory in megabytes for the pixels of a folder's images, with data.read auto, and for decoding images at the same time; 0 means 512.", max: maxCount, inert: true},
		{key: "data.decoder", doc: "The decoder of JPEG images: libjpeg-turbo, which is three times as fast, or go, which is Go's own. auto uses libjpeg-turbo, if it is available, for images that are streamed, because of data.read or augment, or transformed other than by square. Otherwise it uses go, as earlier versions did, because decoders differ in pixels.", names: []string{DecoderAuto, DecoderTurbo, DecoderGo}, inert: true},

		{key: "augment.recipe", doc: "What happens to each training image.", names: []string{"none", "shift", "medium", "strong", "photo", "custom"}},
		{key: "augment.without", doc: "Operations that are removed from the recipe, for example [flip] for digits and letters, which must not be mirrored.", names: []string{"rotation", "shift", "zoom", "flip", "channel_shift", "erase"}, longest: 6, distinct: true, when: leavesOut},
		{key: "augment.geometry", doc: "Which Keras's affine geometry is followed.", names: []string{"keras-2018", "keras-3"}},
		{key: "augment.operations", doc: "The operations of the recipe custom: a list of kinds with their ranges.", min: -math.MaxFloat64, max: math.MaxFloat64, longest: 64},

		{key: "augment.mixup", doc: "Alpha of mixup (Zhang et al. 2018), for example 0.2: each image is averaged with another one of its batch, and so is its loss, with shares drawn from Beta(alpha, alpha); 0 means no mixup.", max: 100, when: mixesUp},
		{key: "augment.cutmix", doc: "Alpha of CutMix (Yun et al. 2019), for example 1: a box of another image is pasted into each image; 0 means no CutMix. If mixup is set too, one of them is chosen for each image.", max: 100, when: cutMixes},

		{key: "train.epochs", doc: "Passes over the training images.", min: 1, max: maxCount},
		{key: "train.batch_size", doc: "Images in each step.", min: 1, max: maxCount},
		{key: "train.replicas", doc: "Number of parts of a batch that BatchNorm normalises separately; it must divide batch_size.", min: 1, max: maxCount},
		{key: "train.micro_batch", doc: "Images that go through the network at once; 0 means batch_size / replicas, and on cuda batch_size.", max: maxCount},
		{key: "train.loss", doc: "What training minimises: cross_entropy is for images of one class each; binary_cross_entropy decides for each class separately whether an image has it, so that images may have several; mean_squared_error is the mean squared difference between the outputs and the targets, which are 1 for the classes that an image has and 0 for the others.", names: []string{LossCrossEntropy, LossBinaryCrossEntropy, LossMeanSquaredError}, when: otherLoss},
		{key: "train.label_smoothing", doc: "Share of the target that is spread evenly over the classes.", max: 1, below: true},
		{key: "train.balance", doc: "How training makes up for classes that have more images than others: weights weights the loss of each image inversely to the number of images of its class; sampling draws the same number of images of each class in every epoch, some of them more than once.", names: []string{BalanceNone, BalanceWeights, BalanceSampling}, when: balances},
		{key: "train.class_weights", doc: "One factor for each class, in the order of the classes, by which the losses of its training images are multiplied; the sum of the losses is divided by the number of images, not by the sum of the factors. Empty means that all factors are 1.", max: 1e6, longest: 100_000, when: weighs},
		{key: "train.cache_features", doc: "Runs the frozen lower layers of kind onnx over the images only once, keeps the resulting features in memory, and trains the layers above on them. It needs augment.recipe none.", when: cachesFeatures},
		{key: "train.checkpoint_steps", doc: "Steps between checkpoints within an epoch; with 0 there is one only at the end of each epoch.", max: maxImages, inert: true},
		{key: "train.keep_checkpoints", doc: "Number of latest checkpoints that are kept, in addition to the best one.", min: 1, max: 1000, inert: true},
		{key: "train.stop_patience", doc: "Epochs in a row without an improvement after which the run ends early; 0 means never.", max: maxCount, when: stopsEarly},
		{key: "train.stop_min_delta", doc: "Only a change of stop_monitor by more than this counts as an improvement.", max: 1000, when: stopsEarly},
		{key: "train.stop_monitor", doc: "The quantity that has to improve.", names: []string{ValLoss, ValAccuracy}, when: stopsEarly},
		{key: "train.stop_restore_best", doc: "Exports the model of the best epoch by stop_monitor as model.onnx, instead of the last one.", when: stopsEarly},

		{key: "optimizer.kind", doc: "How gradients change the weights: sgd with momentum; adam; adamw, whose weight decay is not part of the gradient; and for large batches lars and lamb, which are sgd and adamw with the step of each layer in proportion to its weights.", names: []string{SGD, Adam, AdamW, LARS, LAMB}, when: notSGD},
		{key: "optimizer.learning_rate", doc: "The learning rate for batches of reference_batch images. For adam and adamw 0.001 is usual, for lamb 0.002 to 0.02, and for lars rates of 1 and more at the usual trust_coefficient.", max: 1000, above: true},
		{key: "optimizer.reference_batch", doc: "The batch size that learning_rate is meant for.", min: 1, max: maxCount},
		{
			key: "optimizer.rate_multipliers", doc: "Factors of the learning rate for some parameters: PATTERN=FACTOR, or a section of PATTERN: FACTOR. A pattern matches names of parameters, for example layer4.*; head is the last layer. If several patterns match, the last one counts. Weight decay is multiplied too.",
			longest: 1000, pairs: true, when: multipliesRates,
		},
		{key: "optimizer.momentum", doc: "The share of the velocity that sgd and lars keep each step.", max: 1, below: true, when: bySGD},
		{key: "optimizer.nesterov", doc: "Uses Nesterov's form of momentum in sgd and lars.", when: withNesterov},
		{key: "optimizer.momentum_correction", doc: "Rescales the velocity of sgd and lars when the rate changes (Goyal et al. 2017, remark 2), which is what PyTorch's form of momentum does.", when: bySGD},
		{key: "optimizer.beta1", doc: "The share of the average gradient that adam, adamw and lamb keep each step.", max: 1, below: true, when: byAdam},
		{key: "optimizer.beta2", doc: "The share of the average squared gradient that adam, adamw and lamb keep each step.", max: 1, below: true, when: byAdam},
		{key: "optimizer.epsilon", doc: "Number that adam, adamw and lamb add to the root of the average squared gradient; for lamb 0.000001 is usual.", max: 1, above: true, when: byAdam},
		{key: "optimizer.trust_coefficient", doc: "The norm of a layer's step in lars at learning rate 1, as a share of the norm of its weights. Biases and BatchNorm have the steps of sgd, unless decay_all is set.", max: 1000, above: true, when: byLARS},
		{key: "optimizer.clip_norm", doc: "The largest norm that all gradients of a step may have together; larger gradients are scaled down to it. 0 means no limit.", max: 1e6, when: clips},
		{key: "optimizer.weight_decay", doc: "Weight decay: the coupled L2 coefficient of sgd, lars and adam, the decoupled one of adamw and lamb. It does not apply to biases and BatchNorm unless decay_all is set.", max: 1000},
		{key: "optimizer.decay_all", doc: "Applies weight_decay, and the scaling of lars and lamb, to biases and BatchNorm too."},
		{key: "optimizer.ema_decay", doc: "Share of an exponential moving average of the weights that a step keeps, for example 0.999. Evaluation, the best checkpoint and the exported model then use the average. 0 means no average.", max: 1, below: true, when: averages},
		{key: "optimizer.ema_warmup", doc: "Keeps only (1 + t)/(10 + t) of the average after t steps while that is less than ema_decay, so that the initial weights soon stop counting.", when: averages},

		{key: "schedule.kind", doc: "How the learning rate changes over the run.", names: []string{"step", "constant", "exponential", "cosine", "one-cycle", "polynomial", KindPlateau}},
		{key: "schedule.decay_epochs", doc: "Epochs, counted from 0, at whose start step multiplies the rate by decay_factor.", min: 1, max: maxCount, longest: 1000, distinct: true, ascending: true},
		{key: "schedule.decay_factor", doc: "Factor by which step multiplies the rate at each of decay_epochs, exponential after every epoch, and plateau at every plateau.", max: 1, above: true},
		{key: "schedule.final_fraction", doc: "Rate at the end as a fraction of the peak, for cosine, one-cycle and polynomial.", max: 1},
		{key: "schedule.power", doc: "Exponent of polynomial; 1 is a straight line.", max: 100, above: true},
		{key: "schedule.start_fraction", doc: "First rate of one-cycle as a fraction of the peak.", max: 1, above: true},
		{key: "schedule.peak_at", doc: "Share of the run after which one-cycle is at its peak.", max: 1, above: true, below: true},
		{key: "schedule.monitor", doc: "The quantity that has to improve; otherwise plateau lowers the rate.", names: []string{ValLoss, ValAccuracy}, when: onPlateau},
		{key: "schedule.patience", doc: "Epochs in a row without an improvement after which plateau lowers the rate.", min: 1, max: maxCount, when: onPlateau},
		{key: "schedule.cooldown", doc: "Epochs after plateau has lowered the rate in which patience is not counted, except for the last one.", max: maxCount, when: onPlateau},
		{key: "schedule.min_delta", doc: "Only a change of monitor by more than this counts as an improvement.", max: 1000, when: onPlateau},
		{key: "schedule.min_rate", doc: "The lowest rate of plateau.", max: 1000, when: onPlateau},
		{key: "schedule.warmup_epochs", doc: "Epochs over which the rate rises from the unscaled to the scaled one, before the first of decay_epochs; 0 means no warmup.", max: maxCount},
		{key: "schedule.warmup_by", doc: "Whether the rate rises at every step or every epoch of the warmup.", names: []string{"step", "epoch"}},
		{key: "schedule.scaling", doc: "How the rate grows with batch_size / reference_batch.", names: []string{"linear", "sqrt", "none"}},

		{key: "diagnose.every", doc: "Epochs between measurements of the gradient noise scale, the sharpness and how far steps move each layer, which are additional columns of history.csv. They do not change the run; 0 means none.", max: maxCount, inert: true},
		{key: "diagnose.images", doc: "Number of images from whose gradients the noise scale is measured; the sharpness takes a quarter of them, nine times each. With more images, larger noise scales can be measured, but it takes longer.", min: 32, max: maxCount, inert: true},
		{key: "diagnose.time_share", doc: "Largest share of a run's time that the measurements take. Measurements that would take more are skipped, mostly in the first epochs, so that they come less often than diagnose.every says; 1 skips none.", max: 1, above: true, inert: true},

		{key: "runtime.device", doc: "Where the arithmetic runs.", names: texts(Devices())},
		{key: "runtime.threads", doc: "Threads inside an operator; 0 takes all cores that the process may use.", max: 1024},
		{key: "runtime.tf32", doc: "Lets a GPU's tensor cores round the factors of products to TF32, which is faster but less exact. Only cuda has it.", when: hasTF32},
		{key: "runtime.precision", doc: "Precision of images and their gradients on a GPU: mixed_float16 takes about half the memory, and scales the loss. Only cuda has it.", names: texts([]Precision{Float32, MixedFloat16}), when: hasPrecisions},
		{key: "runtime.library", doc: "Path of ONNX Runtime's shared library; if empty, it is found or fetched.", inert: true, path: true},

		{key: "sweep.conditions", doc: "Conditions of the grid: " + strings.Join(Conditions(), ", ") + " or names of definitions.", shortest: 1, longest: 100, distinct: true, inert: true},
		{key: "sweep.batch_sizes", doc: "Batch sizes of the grid.", min: 1, max: maxCount, shortest: 1, longest: 100, distinct: true, inert: true},
		{key: "sweep.seeds", doc: "Seeds of the grid.", max: math.MaxUint64, shortest: 1, longest: 1000, distinct: true, inert: true},
	}
}

// decides reports whether the trained weights of e depend on the setting.
func (r *rule) decides(e *Experiment) bool {
	return !r.inert && r.appliesTo(e) && (r.when == nil || r.when(e))
}

// appliesTo reports whether the kind of network that e trains has the setting.
func (r *rule) appliesTo(e *Experiment) bool {
	return r.kinds == nil || slices.Contains(r.kinds, e.Model.Kind)
}

// accepts reports whether a number is in range.
func (r *rule) accepts(x float64) bool {
	return x >= r.min && x <= r.max && (!r.above || x > r.min) && (!r.below || x < r.max)
}

// interval describes the accepted numbers, for messages.
func (r *rule) interval() string {
	if r.max == math.MaxFloat64 {
		return "the finite numbers"
	}
	text := number(r.min) + ".." + number(r.max)
	switch {
	case r.above && r.below:
		return text + ", both excluded"
	case r.above:
		return text + ", " + number(r.min) + " excluded"
	case r.below:
		return text + ", " + number(r.max) + " excluded"
	}
	return text
}

// checkNumber returns what is wrong with x, or "".
func (r *rule) checkNumber(x float64, text string) string {
	if r.accepts(x) {
		return ""
	}
	return fmt.Sprintf("%s is outside %s", text, r.interval())
}

// checkLength returns what is wrong with the length of a list, or "".
func (r *rule) checkLength(n int) string {
	if n < r.shortest || n > r.longest {
		return fmt.Sprintf("%d entries are outside %d..%d", n, r.shortest, r.longest)
	}
	return ""
}

// checkOrder returns the index of the first entry of a list that repeats another or is
// out of order, and what is wrong with it. The text is empty if no entry is.
func (r *rule) checkOrder(list any) (int, string) {
	v := reflect.ValueOf(list)
	if !r.distinct {
		return 0, ""
	}
	seen := map[any]bool{}
	for i := range v.Len() {
		item := v.Index(i).Interface()
		if seen[item] {
			return i, fmt.Sprintf("%v is in the list twice", item)
		}
		seen[item] = true
		if r.ascending && i > 0 && v.Index(i).Int() < v.Index(i-1).Int() {
			return i, fmt.Sprintf("%v comes after %v: write them in ascending order", item, v.Index(i-1))
		}
	}
	return 0, ""
}

// longestText is the greatest length of a text, in bytes: that of a path on Linux.
const longestText = 4096

// checkText returns what is wrong with s, or "".
func (r *rule) checkText(s string) string {
	if r.names == nil {
		if len(s) > longestText {
			return fmt.Sprintf("%d bytes are more than %d", len(s), longestText)
		}
		if !utf8.ValidString(s) {
			return fmt.Sprintf("%q is not UTF-8", s)
		}
		if i := strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }); i >= 0 {
			return fmt.Sprintf("%q has a control character at byte %d", s, i)
		}
		if r.folder && s != "" && (!filepath.IsLocal(s) || printable.Line(s) != s) {
			return fmt.Sprintf("%q leads out of its folder or has invisible characters: write a name with letters and digits", shorten(s))
		}
		if r.pairs {
			_, _, message := pair(s)
			return message
		}
		if r.normalization && s != "" && s != NormalizeAuto {
			if _, _, err := normalization.Parse(s); err != nil {
				return err.Error()
			}
		}
		return ""
	}
	if slices.Contains(r.names, s) {
		return ""
	}
	return fmt.Sprintf("%q is not one of %s", s, strings.Join(r.names, ", "))
}

// number formats x, without an exponent if it is a whole number.
func number(x float64) string {
	if x == math.MaxUint64 {
		return "18446744073709551615" // the float64 is one more
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e20 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

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

	"onnxlab/internal/printable"
)

// rule is what a setting accepts and means. Loading, Validate and the JSON
// Schema all read the same table.
type rule struct {
	key, doc string
	// min and max bound a number, or each element of a list of numbers.
	min, max float64
	// below excludes max itself, above excludes min.
	below, above bool
	// names are the words that a text accepts; nil accepts any text.
	names []string
	// folder makes a text the name of a folder, or a path to one below.
	folder bool
	// shortest and longest bound the length of a list.
	shortest, longest int
	// distinct forbids repeats in a list, ascending also asks for order.
	distinct, ascending bool
	// aside marks a setting that does not change the trained weights.
	aside bool
	// kinds are the kinds of networks that have the setting; nil is all.
	kinds []string
	// when tells for which experiments the setting changes the trained weights;
	// nil is for all.
	when func(e *Experiment) bool
}

// The experiments in which some settings change the trained weights: those that
// do not heed a setting hash as they did before there was one.
func onGPU(e *Experiment) bool         { return e.Runtime.Device == "cuda" }
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
func byAdam(e *Experiment) bool       { return e.Optimizer.IsAdam() }
func bySGD(e *Experiment) bool        { return !e.Optimizer.IsAdam() }
func withNesterov(e *Experiment) bool { return e.Optimizer.Nesterov }
func clips(e *Experiment) bool        { return e.Optimizer.ClipNorm > 0 }

func hasWidth(e *Experiment) bool   { return e.Data.Width != 0 }
func transforms(e *Experiment) bool { return e.Data.Transform != TransformSquare }

func mixesUp(e *Experiment) bool  { return e.Augment.Mixup > 0 }
func cutMixes(e *Experiment) bool { return e.Augment.CutMix > 0 }

func balances(e *Experiment) bool { return e.Train.Balance != BalanceNone }
func weighs(e *Experiment) bool   { return len(e.Train.ClassWeights) > 0 }

const (
	maxCount  = 1_000_000
	maxImages = 100_000_000
)

// rules is the table of every setting, in the order they are written.
func rules() []rule {
	return []rule{
		{key: "name", doc: "What the run is called in tables and reports.", aside: true, folder: true},
		{key: "seed", doc: "Keys every random number of the run: the first weights, the order of images, augmentation.", max: math.MaxUint64},

		{key: "model.kind", doc: "The architecture: cnn, the study's network; resnet, a residual network; mobilenet, MobileNetV2; onnx, a classifier in an ONNX file; own is what a program gave.", names: append(built(), KindONNX, KindOwn)},
		{key: "model.path", doc: "The ONNX model of kind onnx; its external data lies beside it.", kinds: []string{KindONNX}, aside: true},
		{key: "model.head", doc: "What becomes of the classifier of kind onnx: replace puts a new one in its place, keep leaves it, auto replaces it where the data has another number of classes.", names: []string{HeadAuto, HeadKeep, HeadReplace}, kinds: []string{KindONNX}},
		{key: "model.train", doc: "Which parameters of kind onnx are trained: all, head, or patterns of their names as layer4.*; -PATTERN takes some out again.", shortest: 1, longest: 1000, kinds: []string{KindONNX}},
		{key: "model.normalize", doc: "How the network takes images: 0..1, -1..1 (also tf), 0..255, imagenet, or MEAN,MEAN,MEAN/DEVIATION,DEVIATION,DEVIATION of images in 0..1, which becomes a part of the model; auto is what the metadata of kind onnx say, and 0..1 of other kinds.", kinds: append(built(), KindONNX), when: normalizes},
		{key: "model.form", doc: "For which images resnet and mobilenet are: cifar for small ones, of 32 pixels or so, and imagenet for large ones, which they make smaller at first.", names: []string{FormCIFAR, FormImageNet}, kinds: []string{KindResNet, KindMobileNet}},
		{key: "model.depth", doc: "Layers of resnet: 6n+2, as 20, 32, 44, 56 and 110, in form cifar; 18, 34, 50, 101 or 152 in form imagenet.", min: 8, max: 1010, kinds: []string{KindResNet}},
		{key: "model.width_factor", doc: "What the channels of every layer of resnet and mobilenet are multiplied by.", max: 64, above: true, kinds: []string{KindResNet, KindMobileNet}},
		{key: "model.strides", doc: "Strides of the stages, 3 of resnet in form cifar and 4 in imagenet, 7 of mobilenet, and of cnn one for each of widths, in place of its pools; [] is what the kind has by itself.", min: 1, max: 64, longest: 8, kinds: built(), when: hasStrides},
		{key: "model.activation", doc: "What follows normalisations; auto is relu, and relu6 in mobilenet.", names: []string{ActivationAuto, "relu", "relu6", "leaky_relu", "elu", "silu", "hard_swish", "gelu"}, kinds: built(), when: hasActivation},
		{key: "model.dropout", doc: "Share of values before the classifier that training drops.", max: 1, below: true, kinds: built(), when: hasDropout},
		{key: "model.widths", doc: "Channels of each stage of cnn; the image is halved between stages.", min: 1, max: 4096, shortest: 1, longest: 8, kinds: []string{KindCNN}},
		{key: "model.convolutions", doc: "3x3 convolutions in each stage of cnn.", min: 1, max: 64, kinds: []string{KindCNN}},
		{key: "model.classes", doc: "Outputs of the network, at least 2. With 0, and where it is left out, there are as many as the data has classes.", max: 100_000},
		{key: "model.batchnorm.momentum", doc: "Share of BatchNorm's running statistics that a step keeps. The default is 0.9, as PyTorch has it, where model.kind is resnet or mobilenet.", max: 1, above: true, below: true, when: otherBatchNorm},
		{key: "model.batchnorm.epsilon", doc: "What BatchNorm adds to variances. The default is 0.00001, as PyTorch has it, where model.kind is resnet or mobilenet.", max: 1, above: true, when: otherBatchNorm},
		{
			key: "model.batchnorm.statistics", doc: "Running statistics of BatchNorm: keras moves them by the momentum alone, so that short runs keep their initial values; corrected is the plain mean at first, without these; recalibrated measures them anew on training images before each evaluation. The default is recalibrated where data.source is folder or shards.",
			names: []string{StatisticsKeras, StatisticsCorrected, StatisticsRecalibrated}, when: otherBatchNorm,
		},
		{
			key: "model.batchnorm.mode", doc: "What BatchNormalization of kind onnx does in training: train normalises by the batch, freeze by the model's running statistics; auto trains what the model has in the form that trains, unless scale and bias are frozen. model.batchnorm: freeze is short for it.",
			names: []string{BatchNormAuto, BatchNormTrain, BatchNormFreeze}, kinds: []string{KindONNX},
		},

		{key: "data.source", doc: "Where the images come from: folder has photographs in folders, one a class, shards in tar files, as WebDataset has them.", names: []string{"synthetic", "cifar10", "cifar100", "folder", "shards"}},
		{key: "data.path", doc: "The folder that holds the files; empty is the embedded default, which only synthetic has.", aside: true},
		{key: "data.train", doc: "Training images at most; 0 takes all there are.", max: maxImages},
		{key: "data.validation", doc: "Validation images at most; 0 takes all there are.", max: maxImages},
		{key: "data.size", doc: "Height in pixels, and width if data.width is 0, to which a folder's images are resized after the largest part of these proportions is cut out of their middle; 0 means 32.", max: 1024},
		{key: "data.width", doc: "Width in pixels to which a folder's images are resized; 0 means that of the height, data.size.", max: 1024, when: hasWidth},
		{key: "data.validation_share", doc: "Share of each class of a folder that is held out for validation where validation images have no folder of their own; 0 means 0.2.", max: 1, below: true, aside: true},
		{key: "data.broken", doc: "What becomes of images that cannot be read: refuse ends with all their names, skip leaves them out and lists them in environment.json.", names: []string{"refuse", BrokenSkip}, aside: true},
		{key: "data.image_memory", doc: "Megabytes that decoding one image of a folder may take: a JPEG takes 1.5 to 3 a megapixel, a progressive one five times as much, other formats up to 24; 0 means 1536.", max: maxCount, aside: true},
		{key: "data.transform", doc: "How a folder's images are cut and resized where nothing is drawn at random: square resizes the largest middle part of the wanted proportions; torchvision resizes the shorter side to 8/7 of what is wanted, bilinear and antialiased, and cuts out the middle, as torchvision's presets do with 256 and 224 pixels; timm does the same with a bicubic filter.", names: []string{TransformSquare, "torchvision", "timm"}, when: transforms},
		{key: "data.read", doc: "Where a folder's images are between two epochs: memory holds the pixels of all, stream reads each from its file when it is needed; auto streams what would take more than data.memory, and where augment crops images out of their originals.", names: []string{ReadAuto, ReadMemory, ReadStream}, aside: true},
		{key: "data.memory", doc: "Megabytes that the pixels of a folder's images may take, with data.read auto, and that decoding may take at once; 0 means 512.", max: maxCount, aside: true},
		{key: "data.decoder", doc: "What decodes JPEG images: libjpeg-turbo, which is three times as fast, or go, Go's own. auto is go for what earlier versions read, as decoders differ in pixels, and libjpeg-turbo where images are streamed by data.read or for augment, or transformed otherwise, and where it can be had.", names: []string{DecoderAuto, DecoderTurbo, DecoderGo}, aside: true},

		{key: "augment.recipe", doc: "What happens to each training image.", names: []string{"none", "shift", "medium", "strong", "photo", "custom"}},
		{key: "augment.geometry", doc: "Which Keras's affine geometry is followed.", names: []string{"keras-2018", "keras-3"}},
		{key: "augment.operations", doc: "What the recipe custom applies: a list of kinds with their ranges.", min: -math.MaxFloat64, max: math.MaxFloat64, longest: 64},

		{key: "augment.mixup", doc: "Alpha of mixup (Zhang et al. 2018), 0.2 for instance: each image becomes a mean of itself and of another of its batch, by shares drawn from Beta(alpha, alpha), and so does its loss; 0 leaves images whole.", max: 100, when: mixesUp},
		{key: "augment.cutmix", doc: "Alpha of CutMix (Yun et al. 2019), 1 for instance: a box of another image is pasted into each image. With mixup too, each image gets one or the other; 0 leaves images whole.", max: 100, when: cutMixes},

		{key: "train.epochs", doc: "Passes over the training images.", min: 1, max: maxCount},
		{key: "train.batch_size", doc: "Images in each step.", min: 1, max: maxCount},
		{key: "train.replicas", doc: "Parts of a batch that BatchNorm normalises separately; divides batch_size.", min: 1, max: maxCount},
		{key: "train.micro_batch", doc: "Images that go through the network at once; 0 means batch_size / replicas, and on cuda batch_size.", max: maxCount},
		{key: "train.label_smoothing", doc: "Share of the target that is spread evenly over the classes.", max: 1, below: true},
		{key: "train.balance", doc: "What is done about classes of unequal numbers of training images: weights weighs their losses inversely to these, sampling draws as many images of each class in every epoch, some of them more than once.", names: []string{BalanceNone, BalanceWeights, BalanceSampling}, when: balances},
		{key: "train.class_weights", doc: "Factors of the losses of each class's training images, in the order of the classes; the loss is divided by the number of images and not by their sum. Empty weighs all alike.", max: 1e6, longest: 100_000, when: weighs},
		{key: "train.cache_features", doc: "Runs the frozen lower layers of kind onnx once over the images, keeps what they give in memory, and trains the layers above them on that. It needs augment.recipe none.", when: cachesFeatures},
		{key: "train.checkpoint_steps", doc: "Steps between checkpoints inside an epoch; 0 writes one at the end of each epoch only.", max: maxImages, aside: true},
		{key: "train.keep_checkpoints", doc: "Latest checkpoints that are kept, besides the best one.", min: 1, max: 1000, aside: true},
		{key: "train.stop_patience", doc: "Epochs in a row without an improvement after which the run ends early; 0 never does.", max: maxCount, when: stopsEarly},
		{key: "train.stop_min_delta", doc: "By more than how much stop_monitor has to become better to count as an improvement.", max: 1000, when: stopsEarly},
		{key: "train.stop_monitor", doc: "What has to improve.", names: []string{ValLoss, ValAccuracy}, when: stopsEarly},
		{key: "train.stop_restore_best", doc: "Makes model.onnx that of the best epoch by stop_monitor, not of the last one.", when: stopsEarly},

		{key: "optimizer.kind", doc: "How gradients change the weights: sgd with momentum, adam, or adamw, whose weight decay is no part of the gradient.", names: []string{SGD, Adam, AdamW}, when: byAdam},
		{key: "optimizer.learning_rate", doc: "The learning rate at reference_batch images a step. For adam and adamw 0.001 is usual.", max: 1000, above: true},
		{key: "optimizer.reference_batch", doc: "The batch size that learning_rate is meant for.", min: 1, max: maxCount},
		{key: "optimizer.momentum", doc: "The share of the velocity that sgd keeps each step.", max: 1, below: true, when: bySGD},
		{key: "optimizer.nesterov", doc: "Takes Nesterov's step of sgd: the one with the velocity that would come next.", when: withNesterov},
		{key: "optimizer.momentum_correction", doc: "Rescales the velocity of sgd when the rate changes (Goyal et al. 2017, remark 2), as PyTorch's form does.", when: bySGD},
		{key: "optimizer.beta1", doc: "The share of the average gradient that adam and adamw keep each step.", max: 1, below: true, when: byAdam},
		{key: "optimizer.beta2", doc: "The share of the average squared gradient that adam and adamw keep each step.", max: 1, below: true, when: byAdam},
		{key: "optimizer.epsilon", doc: "What adam and adamw add to the root of the average squared gradient.", max: 1, above: true, when: byAdam},
		{key: "optimizer.clip_norm", doc: "The norm of all gradients of a step together that larger ones are scaled down to; 0 leaves them as they are.", max: 1e6, when: clips},
		{key: "optimizer.weight_decay", doc: "Coupled L2 coefficient of sgd and adam, decoupled one of adamw; leaves out biases and BatchNorm unless decay_all.", max: 1000},
		{key: "optimizer.decay_all", doc: "Makes weight_decay apply to biases and BatchNorm too."},

		{key: "schedule.kind", doc: "How the learning rate changes over the run.", names: []string{"step", "constant", "exponential", "cosine", "one-cycle", "polynomial", KindPlateau}},
		{key: "schedule.decay_epochs", doc: "Epochs, counted from 0, at whose start step multiplies the rate by decay_factor.", min: 1, max: maxCount, longest: 1000, distinct: true, ascending: true},
		{key: "schedule.decay_factor", doc: "What step multiplies the rate by at each of decay_epochs, exponential after every epoch, and plateau at every plateau.", max: 1, above: true},
		{key: "schedule.final_fraction", doc: "Rate at the end as a fraction of the peak, for cosine, one-cycle and polynomial.", max: 1},
		{key: "schedule.power", doc: "Exponent of polynomial; 1 is a straight line.", max: 100, above: true},
		{key: "schedule.start_fraction", doc: "First rate of one-cycle as a fraction of the peak.", max: 1, above: true},
		{key: "schedule.peak_at", doc: "Share of the run after which one-cycle is at its peak.", max: 1, above: true, below: true},
		{key: "schedule.monitor", doc: "What has to improve, or else plateau lowers the rate.", names: []string{ValLoss, ValAccuracy}, when: onPlateau},
		{key: "schedule.patience", doc: "Epochs in a row without an improvement after which plateau lowers the rate.", min: 1, max: maxCount, when: onPlateau},
		{key: "schedule.cooldown", doc: "Epochs after plateau has lowered the rate that do not count; the last of them does.", max: maxCount, when: onPlateau},
		{key: "schedule.min_delta", doc: "By more than how much monitor has to become better to count as an improvement.", max: 1000, when: onPlateau},
		{key: "schedule.min_rate", doc: "The rate that plateau does not go below.", max: 1000, when: onPlateau},
		{key: "schedule.warmup_epochs", doc: "Epochs over which the rate rises from the unscaled to the scaled one, before the first of decay_epochs; 0 is no warmup.", max: maxCount},
		{key: "schedule.warmup_by", doc: "When the rising rate changes.", names: []string{"step", "epoch"}},
		{key: "schedule.scaling", doc: "How the rate follows batch_size / reference_batch.", names: []string{"linear", "sqrt", "none"}},

		{key: "runtime.device", doc: "Where the arithmetic runs.", names: []string{"cpu", "cuda"}},
		{key: "runtime.threads", doc: "Threads inside an operator; 0 takes all cores.", max: 1024},
		{key: "runtime.tf32", doc: "Lets a GPU's tensor cores round the factors of products to TF32: faster, less exact. Only cuda has it.", when: onGPU},
		{key: "runtime.precision", doc: "What images and their gradients are on a GPU: mixed_float16 takes about half the memory, and scales the loss. Only cuda has it.", names: []string{Float32, MixedFloat16}, when: onGPU},
		{key: "runtime.library", doc: "ONNX Runtime's shared library; empty finds or fetches it.", aside: true},

		{key: "sweep.conditions", doc: "Conditions of the grid: none, medium, strong, warmup, shift-only or names of definitions.", shortest: 1, longest: 100, distinct: true, aside: true},
		{key: "sweep.batch_sizes", doc: "Batch sizes of the grid.", min: 1, max: maxCount, shortest: 1, longest: 100, distinct: true, aside: true},
		{key: "sweep.seeds", doc: "Seeds of the grid.", max: math.MaxUint64, shortest: 1, longest: 1000, distinct: true, aside: true},
	}
}

// decides reports whether the setting changes the weights that e trains.
func (r *rule) decides(e *Experiment) bool {
	return !r.aside && r.heeded(e) && (r.when == nil || r.when(e))
}

// heeded reports whether the kind of network that e trains has the setting.
func (r *rule) heeded(e *Experiment) bool {
	return r.kinds == nil || slices.Contains(r.kinds, e.Model.Kind)
}

// accepts reports whether a number is in range.
func (r *rule) accepts(x float64) bool {
	return x >= r.min && x <= r.max && (!r.above || x > r.min) && (!r.below || x < r.max)
}

// interval writes the accepted numbers as an error says them.
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

// checkOrder returns the first entry of a list that repeats another or is out
// of order, and what is wrong with it.
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

// longestText bounds every text: the longest path that Linux takes.
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
			return fmt.Sprintf("%q leads elsewhere, or does not show what it is: write a name, of letters and digits", shorten(s))
		}
		return ""
	}
	if slices.Contains(r.names, s) {
		return ""
	}
	return fmt.Sprintf("%q is not one of %s", s, strings.Join(r.names, ", "))
}

// number writes x without exponent where it is a whole number.
func number(x float64) string {
	if x == math.MaxUint64 {
		return "18446744073709551615" // the float64 is one more
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e20 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

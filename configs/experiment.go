package configs

// Experiment is one resolved experiment: every setting that decides what a
// training run or a sweep does. The zero value is not usable; Default and
// Load give complete ones.
type Experiment struct {
	Name      string    `yaml:"name" json:"name"`
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
	// Kind is the architecture: "cnn", the study's network.
	Kind string `yaml:"kind" json:"kind"`
	// Widths are the channels of each stage, at least one stage.
	Widths []int `yaml:"widths" json:"widths"`
	// Convolutions is how many 3x3 convolutions each stage has.
	Convolutions int `yaml:"convolutions" json:"convolutions"`
	// Classes is the number of outputs, at least 2.
	Classes int `yaml:"classes" json:"classes"`
}

// Data says which images are trained on and which are held out.
type Data struct {
	// Source is "synthetic", "cifar10", "cifar100" or "folder".
	Source string `yaml:"source" json:"source"`
	// Path is the folder that holds the files; empty means the embedded
	// default, which only "synthetic" has.
	Path string `yaml:"path" json:"path"`
	// Train and Validation limit the number of images; 0 takes all there are.
	Train      int `yaml:"train" json:"train"`
	Validation int `yaml:"validation" json:"validation"`
}

// Augment says what happens to each training image.
type Augment struct {
	// Recipe is "none", "shift", "medium", "strong" or "custom".
	Recipe string `yaml:"recipe" json:"recipe"`
	// Geometry is "keras-2018" or "keras-3".
	Geometry string `yaml:"geometry" json:"geometry"`
	// Operations is the list that the recipe "custom" applies.
	Operations []Operation `yaml:"operations,omitempty" json:"operations,omitempty"`
}

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
	// BatchSize/Replicas. It is a multiple of BatchSize/Replicas and divides
	// BatchSize.
	MicroBatch int `yaml:"micro_batch" json:"micro_batch"`
}

// Optimizer is momentum SGD in Keras's form.
type Optimizer struct {
	// LearningRate is the rate at ReferenceBatch images a batch; the rate of a
	// run is LearningRate x BatchSize / ReferenceBatch.
	LearningRate   float64 `yaml:"learning_rate" json:"learning_rate"`
	ReferenceBatch int     `yaml:"reference_batch" json:"reference_batch"`
	// Momentum is in [0, 1).
	Momentum float64 `yaml:"momentum" json:"momentum"`
}

// Schedule says how the learning rate changes over the run.
type Schedule struct {
	// DecayEpochs are the epochs, counted from 0, at whose start the rate is
	// multiplied by DecayFactor.
	DecayEpochs []int   `yaml:"decay_epochs" json:"decay_epochs"`
	DecayFactor float64 `yaml:"decay_factor" json:"decay_factor"`
	// WarmupEpochs is how long the rate rises linearly to its value
	// (Goyal et al. 2017, section 2.2); 0 is no warmup.
	WarmupEpochs int `yaml:"warmup_epochs" json:"warmup_epochs"`
}

// Runtime says where the arithmetic runs.
type Runtime struct {
	// Device is "cpu" or "cuda".
	Device string `yaml:"device" json:"device"`
	// Threads is the number of intra-operator threads; 0 takes all cores.
	Threads int `yaml:"threads" json:"threads"`
	// Library is the path of ONNX Runtime's shared library; empty finds or
	// fetches it.
	Library string `yaml:"library" json:"library"`
}

// Sweep is the grid of a sweep: every condition at every batch size with
// every seed.
type Sweep struct {
	Conditions []string `yaml:"conditions" json:"conditions"`
	BatchSizes []int    `yaml:"batch_sizes" json:"batch_sizes"`
	Seeds      []uint64 `yaml:"seeds" json:"seeds"`
}

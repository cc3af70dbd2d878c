package configs

// Default returns an experiment with the default of every setting: the network
// and the training of the study, the article that README.md describes, on the
// synthetic set.
func Default() Experiment {
	return Experiment{
		Seed: 1,
		Model: Model{
			Kind:         KindCNN,
			Form:         FormCIFAR,
			Depth:        20,
			WidthFactor:  1,
			Activation:   ActivationAuto,
			Widths:       []int{64, 128, 256},
			Convolutions: 3,
			Head:         HeadAuto,
			Train:        []string{"all"},
			Normalize:    NormalizeAuto,
			Classes:      10,
			BatchNorm:    BatchNorm{Momentum: 0.99, Epsilon: 1e-3, Statistics: StatisticsKeras, Mode: BatchNormAuto},
		},
		Data:    Data{Source: "synthetic", ValidationShare: 0.2, Broken: "refuse", ImageMemory: 1536, Transform: TransformSquare, Read: ReadAuto, Memory: 512, Decoder: DecoderAuto},
		Augment: Augment{Recipe: "medium", Geometry: "keras-2018"},
		Train: Train{
			Epochs:          100,
			BatchSize:       128,
			Replicas:        1,
			KeepCheckpoints: 2,
			Loss:            LossCrossEntropy,
			StopMonitor:     ValLoss,
			Balance:         BalanceNone,
		},
		Optimizer: Optimizer{Kind: SGD, LearningRate: 0.1, ReferenceBatch: 128, Momentum: 0.9, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, TrustCoefficient: 0.001, EMAWarmup: true},
		Schedule: Schedule{
			Kind:          "step",
			DecayEpochs:   []int{60, 85},
			DecayFactor:   0.1,
			Power:         1,
			StartFraction: 0.04,
			PeakAt:        0.3,
			Monitor:       ValLoss,
			Patience:      10,
			MinDelta:      1e-4,
			WarmupBy:      "step",
			Scaling:       "linear",
		},
		Diagnose: Diagnose{Images: 512, TimeShare: 0.1},
		Runtime:  Runtime{Device: CPU, TF32: true, Precision: Float32},
		Sweep: Sweep{
			Conditions: []string{"none", "medium", "strong", "warmup"},
			BatchSizes: []int{128, 256, 512, 1024, 2048, 4096, 8192},
			Seeds:      []uint64{1},
		},
	}
}

package trainloop

import (
	"bytes"
	"slices"
	"testing"

	"onnxlab/configs"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/snapshot"
	"onnxlab/trainloop/warmstart"
)

// TestKindsOfOptimizers checks that the settings name the same optimizers as the artifacts.
func TestKindsOfOptimizers(t *testing.T) {
	if got := configs.Choices("optimizer.kind"); !slices.Equal(got, artifact.Optimizers()) {
		t.Errorf("the settings have %v, networks %v", got, artifact.Optimizers())
	}
}

// TestOptimizersGoOn checks, for each optimizer, that runs interrupted between epochs or
// within one end like others, and that each optimizer leads to a different model.
func TestOptimizersGoOn(t *testing.T) {
	var models [][]byte
	for _, sets := range [][]string{
		{"optimizer.kind=adam", "optimizer.learning_rate=0.001"},
		{"optimizer.kind=adamw", "optimizer.learning_rate=0.001", "optimizer.weight_decay=0.5", "optimizer.clip_norm=1"},
		{"optimizer.kind=adamw", "optimizer.learning_rate=0.001", "optimizer.weight_decay=0.5", "optimizer.decay_all=true", "train.micro_batch=32"},
		{"optimizer.nesterov=true", "schedule.kind=plateau", "schedule.patience=1", "schedule.min_delta=100"},
		{"optimizer.clip_norm=0.5"},
		{"optimizer.nesterov=true", "optimizer.clip_norm=0.5", "optimizer.momentum_correction=true"},
		{"optimizer.momentum_correction=true"},
		{"optimizer.kind=lars", "optimizer.trust_coefficient=0.02"},
		{"optimizer.kind=lamb", "optimizer.learning_rate=0.01", "optimizer.weight_decay=0.01", "train.micro_batch=32"},
		{"optimizer.ema_decay=0.9"},
		{"optimizer.ema_decay=0.9", "optimizer.ema_warmup=false", "model.batchnorm.statistics=recalibrated"},
		{"optimizer.rate_multipliers=stage1.*=0.5,head=2"},
		{"train.loss=binary_cross_entropy", "train.label_smoothing=0.1"},
		{"train.loss=mean_squared_error", "augment.mixup=0.2"},
		nil,
	} {
		o := small(t, sets...)
		mustRun(t, o)
		endsTheSame(t, o, 3, 9)
		model, _ := outcome(t, o.Dir)
		for _, other := range models {
			if bytes.Equal(model, other) {
				t.Errorf("%v leads to the same model as other settings", sets)
			}
		}
		models = append(models, model)
	}
}

// TestStateIsKept checks that a run's checkpoints contain the optimizer's state, and that a
// run that begins with the parameters of another one does not take its state.
func TestStateIsKept(t *testing.T) {
	o := small(t, "optimizer.kind=adam", "optimizer.learning_rate=0.001")
	mustRun(t, o)
	_, path, _, err := snapshot.Latest(o.Dir + "/checkpoints")
	if err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Read(snapshot.CheckpointPath(path))
	if err != nil {
		t.Fatal(err)
	}
	moment := c.Parameter(artifact.StatePrefix + "second_moment")
	if moment == nil || !slices.ContainsFunc(moment.Data, func(v float32) bool { return v > 0 }) {
		t.Errorf("the last checkpoint has the second moment %v", moment)
	}
}

// TestAveragesAreTheModel checks that a run that averages its weights evaluates and exports
// the averages, and that another run that begins with its parameters begins with the
// averages.
func TestAveragesAreTheModel(t *testing.T) {
	o := small(t, "optimizer.ema_decay=0.9")
	mustRun(t, o)
	_, path, _, err := snapshot.Latest(o.Dir + "/checkpoints")
	if err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Read(snapshot.CheckpointPath(path))
	if err != nil {
		t.Fatal(err)
	}
	raw, average := c.Parameter("dense.weight"), c.Parameter(artifact.AveragePrefix+"dense.weight")
	if average == nil || slices.Equal(raw.Data, average.Data) {
		t.Fatalf("the last checkpoint has the average %v", average)
	}
	m, err := modelfile.Read(o.Dir + "/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	exported := 0
	for _, w := range m.GetGraph().GetInitializer() {
		if w.GetName() == "dense.weight" {
			exported++
			if data := checkpoint.Encode(&checkpoint.Checkpoint{Frozen: []checkpoint.Tensor{*average}}); !bytes.Contains(data, w.GetRawData()) {
				t.Error("the exported weights are not the average")
			}
		}
	}
	if exported != 1 {
		t.Errorf("%d weights of the last layer are exported", exported)
	}
	source, err := warmstart.Read(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range source.Parameters {
		if p.Name == "dense.weight" && !slices.Equal(p.Data, average.Data) {
			t.Error("another run begins with other weights than the average")
		}
	}
}

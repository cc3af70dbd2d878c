package onnxmodels

import (
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
)

func adamOptions(kind string) TrainingOptions {
	return TrainingOptions{Optimizer: kind, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
}

// TestOptimizerMistakes: options that an optimizer does not have are errors.
func TestOptimizerMistakes(t *testing.T) {
	n := mustCNN(t, 8, []int{4}, 1, 3)
	with := func(change func(o *TrainingOptions)) TrainingOptions {
		o := adamOptions(artifact.OptimizerAdamW)
		change(&o)
		return o
	}
	for want, o := range map[string]TrainingOptions{
		`optimizer "lion" is none of sgd, adam, adamw, lars, lamb`:               {Optimizer: "lion"},
		`EMA decay 1 is outside 0..1`:                                            {EMADecay: 1},
		`momentum correction false and EMA decay 0.9`:                            {EMADecay: 0.9, Rates: []float32{1}},
		`trust coefficient 0 of optimizer "lars" is not a finite number above 0`: {Optimizer: artifact.OptimizerLARS},
		`clipping norm -1 is not a finite number`:                                {ClipNorm: -1},
		`Nesterov's form needs a momentum above 0`:                               {Nesterov: true},
		`rates of the steps are for plain momentum SGD`:                          {Momentum: 0.9, Nesterov: true, Rates: []float32{1}},
		`epsilon 0 of optimizer "adam" is outside`:                               {Optimizer: artifact.OptimizerAdam},
		`beta1 1 is outside 0..1`:                                                with(func(o *TrainingOptions) { o.Beta1 = 1 }),
		`beta2 -1 is outside 0..1`:                                               with(func(o *TrainingOptions) { o.Beta2 = -1 }),
		`has neither Nesterov's form`:                                            with(func(o *TrainingOptions) { o.Nesterov = true }),
		`nor a momentum correction`:                                              with(func(o *TrainingOptions) { o.MomentumCorrection = true }),
	} {
		if _, err := n.Artifacts(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

// TestNamesOfState: parameters whose names would mark them as the optimizer's state are
// refused.
func TestNamesOfState(t *testing.T) {
	n, err := NewNetwork(2, 2, Flatten("flat"), Dense("optimizer", 3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Artifacts(adamOptions(artifact.OptimizerAdam)); err == nil || !strings.Contains(err.Error(), `the name of parameter "optimizer.weight" begins with "optimizer."`) {
		t.Errorf("error %v", err)
	}
	if _, err := n.Artifacts(TrainingOptions{Momentum: 0.9}); err != nil {
		t.Errorf("momentum SGD: %v", err)
	}
}

// TestState: the optimizer's state is as long as all trainable parameters together, and
// is added to a checkpoint that does not have it.
func TestState(t *testing.T) {
	n := mustCNN(t, 8, []int{4}, 1, 3)
	_, size := n.Count()
	one := func(names ...string) map[string]int {
		sizes := map[string]int{}
		for i, name := range names {
			sizes[artifact.StatePrefix+name] = []int{size, size, 1, 1, 1}[i]
		}
		return sizes
	}
	accumulated := adamOptions(artifact.OptimizerAdam)
	accumulated.MicroBatches = 2
	for _, c := range []struct {
		o    TrainingOptions
		want map[string]int
	}{
		{TrainingOptions{Momentum: 0.9}, one()},
		{TrainingOptions{ClipNorm: 1}, one()},
		{TrainingOptions{Momentum: 0.9, Nesterov: true}, one("velocity")},
		{accumulated, one("first_moment", "second_moment", "first_moment_filled", "second_moment_filled", "micro_batch")},
	} {
		a, err := n.Artifacts(c.o)
		if err != nil {
			t.Fatal(err)
		}
		before := n.Initialize(1)
		complete := a.Complete(before)
		added := complete.Frozen[len(before.Frozen):]
		if len(added) != len(c.want) || len(before.Frozen) != len(n.Initialize(1).Frozen) {
			t.Errorf("%+v: %d tensors were added, want %d", c.o, len(added), len(c.want))
		}
		for _, s := range added {
			if len(s.Data) != c.want[s.Name] || slices.ContainsFunc(s.Data, func(x float32) bool { return x != 0 }) {
				t.Errorf("%+v: %s has %d elements, want %d zeros", c.o, s.Name, len(s.Data), c.want[s.Name])
			}
			s.Data[0] = 7
		}
		if again := a.Complete(complete); len(again.Frozen) != len(complete.Frozen) {
			t.Errorf("%+v: state was added to a checkpoint that has it", c.o)
		}
	}
	if (&Artifacts{}).Complete(nil) != nil {
		t.Error("no checkpoint was completed")
	}
}

// TestAveragesBegin: the averages of parameters begin with the parameters' values. The
// evaluation model computes with the averages, and takes all inputs of the training model
// in the same order.
func TestAveragesBegin(t *testing.T) {
	n := mustCNN(t, 8, []int{4}, 1, 3)
	a, err := n.Artifacts(TrainingOptions{Momentum: 0.9, EMADecay: 0.99, EMAWarmup: true})
	if err != nil {
		t.Fatal(err)
	}
	c := a.Complete(n.Initialize(1))
	for _, p := range c.Trainable {
		average := c.Parameter(artifact.AveragePrefix + p.Name)
		if average == nil || !slices.Equal(average.Data, p.Data) || !slices.Equal(average.Shape, p.Shape) {
			t.Errorf("the average of %s begins as %v", p.Name, average)
		}
	}
	average := c.Parameter(artifact.AveragePrefix + "dense.bias")
	average.Data[1] = 7
	if got := artifact.Averaged(c); got.Parameter("dense.bias").Data[1] != 7 || c.Parameter("dense.bias").Data[1] != 0 {
		t.Errorf("averaged %v of %v", got.Parameter("dense.bias"), c.Parameter("dense.bias"))
	}
	var training, eval []string
	for _, v := range a.Training.GetGraph().GetInput() {
		if c.Parameter(v.GetName()) != nil {
			training = append(training, v.GetName())
		}
	}
	for _, v := range a.Eval.GetGraph().GetInput() {
		if c.Parameter(v.GetName()) != nil {
			eval = append(eval, v.GetName())
		}
	}
	if !slices.Equal(training, eval) || len(eval) != len(c.Trainable)+len(c.Frozen) {
		t.Errorf("evaluation takes\n%v, training\n%v", eval, training)
	}
	for _, node := range a.Eval.GetGraph().GetNode() {
		for _, in := range node.GetInput() {
			if p := c.Parameter(in); p != nil && slices.ContainsFunc(c.Trainable, func(t checkpoint.Tensor) bool { return t.Name == in }) {
				t.Errorf("evaluation computes %s with %s and not with its average", node.GetName(), in)
			}
		}
	}
}

// TestWriteCompletes: the checkpoint that is written has the optimizer's state.
func TestWriteCompletes(t *testing.T) {
	n := mustCNN(t, 8, []int{4}, 1, 3)
	a, err := n.Artifacts(adamOptions(artifact.OptimizerAdamW))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := a.Write(dir, n.Initialize(1)); err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Read(dir + "/" + artifact.CheckpointFile)
	if err != nil || c.Parameter(artifact.StatePrefix+"second_moment") == nil {
		t.Errorf("checkpoint %v, error %v", c, err)
	}
}

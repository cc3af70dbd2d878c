package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/rundir"
)

// The runtimes that inference models run in.
const (
	runtimeNative = "onnxruntime"
	runtimeGo     = "go"
)

// modelFlags say which inference model runs, and in what.
type modelFlags struct {
	model, run, runtime string
	best                bool
	own                 ownFlags
}

func (f *modelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.model, "model", "", "model file: any ONNX classifier")
	cmd.Flags().StringVar(&f.run, "run", "", "run directory, whose model.onnx is taken")
	cmd.Flags().StringVar(&f.runtime, "runtime", defaultRuntime, runtimeNative+", or "+runtimeGo+" for pure Go")
	f.own.add(cmd.Flags())
}

// addBest adds the flag that takes another checkpoint of a run than model.onnx.
func (f *modelFlags) addBest(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.best, "best", false, bestUsage)
}

// bestUsage is the help of --best.
const bestUsage = "take the run's checkpoint with the best validation accuracy, not the model that it ended with"

func (f *modelFlags) check() error {
	switch {
	case (f.model == "") == (f.run == ""):
		return &usageError{errors.New("--model FILE or --run DIR is required, and not both")}
	case f.best && f.run == "":
		return &usageError{errBestOfNoRun}
	case f.runtime != runtimeNative && f.runtime != runtimeGo:
		return &usageError{fmt.Errorf("--runtime %q is neither %q nor %q", f.runtime, runtimeNative, runtimeGo)}
	}
	return nil
}

var errBestOfNoRun = errors.New("--best needs --run DIR, whose checkpoints it chooses from")

// path is the file of the model.
func (f *modelFlags) path() string {
	if f.model != "" {
		return f.model
	}
	return rundir.Layout{Dir: f.run}.Model()
}

// classifier is an inference model in a runtime.
type classifier struct {
	evaluation.Predictor
	onnxmodels.Form
	Path  string
	Close func() error
}

// Predict runs the model. One that does not run is bad data, and so is one that
// answers with what is no number.
func (c *classifier) Predict(ctx context.Context, images []uint8) (logits, probabilities []float32, err error) {
	if logits, probabilities, err = c.Predictor.Predict(ctx, images); err != nil {
		return nil, nil, &dataError{fmt.Errorf("run %q: %w", c.Path, err)}
	}
	for i := range logits {
		if p := float64(probabilities[i]); math.IsNaN(p) || math.IsInf(p, 0) || math.IsNaN(float64(logits[i])) || math.IsInf(float64(logits[i]), 0) {
			return nil, nil, &dataError{&notFiniteError{c.Path, i / len(c.Classes), i % len(c.Classes), logits[i], probabilities[i]}}
		}
	}
	return logits, probabilities, nil
}

// notFiniteError is an answer of a model that is no finite number.
type notFiniteError struct {
	model              string
	image, class       int
	logit, probability float32
}

func (e *notFiniteError) Error() string {
	return fmt.Sprintf("%q gives class %d the logit %v and the probability %v: its weights are damaged, or its training diverged",
		e.model, e.class, e.logit, e.probability)
}

// openAlone is open without an experiment: only the environment may name the
// native library.
func (f *modelFlags) openAlone(ctx context.Context, stderr io.Writer) (*classifier, error) {
	experiment, err := configs.Load("", nil)
	if err != nil {
		return nil, err
	}
	return f.open(ctx, experiment.Runtime, stderr)
}

// open reads the model and makes it ready to run. The caller closes it.
func (f *modelFlags) open(ctx context.Context, r configs.Runtime, stderr io.Writer) (*classifier, error) {
	m, path, err := f.read(stderr)
	if err != nil {
		return nil, err
	}
	return openModel(ctx, m, path, f.runtime, r, stderr)
}

// openModel makes a model ready to run in one of the runtimes. The path is for messages.
// The caller closes it.
func openModel(ctx context.Context, m *modelfile.Model, path, runtime string, r configs.Runtime, stderr io.Writer) (_ *classifier, err error) {
	c := &classifier{Path: path, Close: func() error { return nil }}
	if c.Form, err = onnxmodels.FormOf(m); err != nil {
		return nil, &dataError{fmt.Errorf("read model %q: %w", c.Path, err)}
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		return nil, err
	}
	if runtime == runtimeGo {
		if c.Predictor, err = interp.New(data); err != nil {
			return nil, &dataError{fmt.Errorf("run %q in pure Go: %w", c.Path, err)}
		}
		return c, nil
	}
	if c.Predictor, c.Close, err = openNative(ctx, data, r, stderr); err != nil {
		return nil, fmt.Errorf("run %q: %w", c.Path, err)
	}
	return c, nil
}

// read reads the model, or makes it of the run's best checkpoint, and tells where it
// comes from.
func (f *modelFlags) read(stderr io.Writer) (m *modelfile.Model, path string, err error) {
	if f.best {
		if m, path, err = trainedModel(f.run, true, onnxmodels.InferenceOptions{}); err == nil {
			fmt.Fprintf(stderr, "from %s\n", path)
		}
		return m, path, err
	}
	m, err = modelfile.Read(f.path())
	if errors.Is(err, os.ErrNotExist) && f.run != "" {
		err = explainMissing(f.run, err)
	}
	if err != nil {
		return nil, "", &dataError{err}
	}
	if m, err = f.own.inference(m, f.path()); err != nil {
		return nil, "", err
	}
	return m, f.path(), nil
}

package cli

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
	RuntimeORT = "onnxruntime"
	RuntimeGo  = "go"
)

// ModelFlags say which inference model runs, and in which runtime.
type ModelFlags struct {
	model, Run, Runtime string
	best                bool
	given               givenFlags
}

// Add adds the flags to a command.
func (f *ModelFlags) Add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.model, "model", "", "model file: any ONNX classifier")
	cmd.Flags().StringVar(&f.Run, "run", "", "run directory; its model.onnx is used")
	cmd.Flags().StringVar(&f.Runtime, "runtime", DefaultRuntime, RuntimeORT+", or "+RuntimeGo+" for pure Go")
	f.given.add(cmd.Flags())
}

// AddBest adds --best, which uses the run's best checkpoint instead of model.onnx.
func (f *ModelFlags) AddBest(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.best, "best", false, BestHelp)
}

// BestHelp is the help of --best.
const BestHelp = "use the run's checkpoint with the best validation accuracy instead of its final model"

// Check returns an error if flags contradict each other.
func (f *ModelFlags) Check() error {
	switch {
	case (f.model == "") == (f.Run == ""):
		return BadUsage(errors.New("give either --model FILE or --run DIR"))
	case f.best && f.Run == "":
		return BadUsage(ErrBestOfNoRun)
	case f.Runtime != RuntimeORT && f.Runtime != RuntimeGo:
		return BadUsagef("--runtime %q is neither %q nor %q", f.Runtime, RuntimeORT, RuntimeGo)
	}
	if f.Run != "" {
		return f.given.refuse("it is for a given model (--model): the model of a run knows its size, and has its normalisation inside")
	}
	return nil
}

// ErrBestOfNoRun is the error of --best without --run.
var ErrBestOfNoRun = errors.New("--best needs --run DIR, whose checkpoints it chooses from")

// Path returns the path of the model's file.
func (f *ModelFlags) Path() string {
	if f.model != "" {
		return f.model
	}
	return rundir.Layout{Dir: f.Run}.Model()
}

// Classifier is an inference model in a runtime.
type Classifier struct {
	evaluation.Predictor
	onnxmodels.Signature
	Path  string
	Close func() error
}

// Predict runs the model on images [n, height, width, channels] and returns logits and probabilities
// [n, classes]. The error is marked by BadData if the model does not run or if an output is not finite.
func (c *Classifier) Predict(ctx context.Context, images []uint8) (logits, probabilities []float32, err error) {
	if logits, probabilities, err = c.Predictor.Predict(ctx, images); err != nil {
		return nil, nil, BadDataf("run %q: %w", c.Path, err)
	}
	for i := range logits {
		if p := float64(probabilities[i]); math.IsNaN(p) || math.IsInf(p, 0) || math.IsNaN(float64(logits[i])) || math.IsInf(float64(logits[i]), 0) {
			return nil, nil, BadData(&NotFiniteError{c.Path, i / len(c.Classes), i % len(c.Classes), logits[i], probabilities[i]})
		}
	}
	return logits, probabilities, nil
}

// NotFiniteError says that an output of a model is not a finite number.
type NotFiniteError struct {
	model              string
	Image, class       int
	logit, probability float32
}

func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("%q gives class %d the logit %v and the probability %v: its weights are damaged, or its training diverged",
		e.model, e.class, e.logit, e.probability)
}

// OpenAlone is Open without an experiment: only the environment can name the native
// library.
func (f *ModelFlags) OpenAlone(ctx context.Context, stderr io.Writer) (*Classifier, error) {
	experiment, err := configs.Load("", nil)
	if err != nil {
		return nil, err
	}
	return f.Open(ctx, experiment.Runtime, stderr)
}

// Open reads the model and makes it ready to run. The caller closes it.
func (f *ModelFlags) Open(ctx context.Context, r configs.Runtime, stderr io.Writer) (*Classifier, error) {
	m, path, err := f.Read(stderr)
	if err != nil {
		return nil, err
	}
	return OpenModel(ctx, m, path, f.Runtime, r, stderr)
}

// OpenModel makes a model ready to run in one of the runtimes. The path is for messages.
// The caller closes it.
func OpenModel(ctx context.Context, m *modelfile.Model, path, runtime string, r configs.Runtime, stderr io.Writer) (_ *Classifier, err error) {
	c := &Classifier{Path: path, Close: func() error { return nil }}
	if c.Signature, err = onnxmodels.SignatureOf(m); err != nil {
		return nil, BadDataf("read model %q: %w", c.Path, err)
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		return nil, err
	}
	if runtime == RuntimeGo {
		if c.Predictor, err = interp.New(data); err != nil {
			return nil, BadDataf("run %q in pure Go: %w", c.Path, err)
		}
		return c, nil
	}
	if c.Predictor, c.Close, err = openORT(ctx, data, r, stderr); err != nil {
		return nil, fmt.Errorf("run %q: %w", c.Path, err)
	}
	return c, nil
}

// Read reads the model, or makes it from the run's best checkpoint, and returns the path that
// it comes from.
func (f *ModelFlags) Read(stderr io.Writer) (m *modelfile.Model, path string, err error) {
	if f.best {
		if m, path, err = TrainedModel(f.Run, true, onnxmodels.InferenceOptions{}); err == nil {
			fmt.Fprintf(stderr, "from %s\n", path)
		}
		return m, path, err
	}
	m, err = modelfile.Read(f.Path())
	if errors.Is(err, os.ErrNotExist) && f.Run != "" {
		err = ExplainMissing(f.Run, err)
	}
	if err != nil {
		return nil, "", BadData(err)
	}
	if m, err = f.given.inference(m, f.Path()); err != nil {
		return nil, "", err
	}
	return m, f.Path(), nil
}

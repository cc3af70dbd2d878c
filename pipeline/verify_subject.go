package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/verify"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

// subject is the model that is verified.
type subject struct {
	path, sha256 string
	data         []byte
	model        *interp.Model
}

// newSubject returns a subject with the bytes of a model and their SHA-256.
func newSubject(path string, data []byte) subject {
	sum := sha256.Sum256(data)
	return subject{path: path, data: data, sha256: hex.EncodeToString(sum[:])}
}

// subject reads the model. The model.onnx of a run must be the one that the run wrote.
func (o *verifyOptions) subject() (s subject, err error) {
	read := o.readModel
	if o.best {
		read = o.bestModel
	}
	path, data, err := read()
	if err != nil {
		return subject{path: path, data: data}, err
	}
	s = newSubject(path, data)
	if o.model == "" && !o.best {
		if err := s.checkOfRun(o.run); err != nil {
			return s, err
		}
	}
	if s.model, err = interp.New(s.data); err != nil {
		return s, fmt.Errorf("read model %q: %w", s.path, err)
	}
	if !o.tolerant {
		o.tolerance = usualTolerance(s.data)
	}
	return s, nil
}

// usualTolerance returns the default tolerance for a model's precision and depth.
func usualTolerance(data []byte) float64 {
	m, err := modelfile.Decode(data)
	if err != nil {
		return verify.Tolerance
	}
	signature, _ := onnxmodels.SignatureOf(m) // without one, the precision is float32
	return max(verify.ToleranceOf(signature.Precision), verify.ToleranceOfDepth(m))
}

// bestModel makes a model from the best checkpoint of a run, and returns the path of its
// snapshot.
func (o *verifyOptions) bestModel() (path string, data []byte, err error) {
	m, path, err := cli.TrainedModel(o.run, true, onnxmodels.InferenceOptions{})
	if err != nil {
		return "", nil, err
	}
	data, err = modelfile.Marshal(m)
	return path, data, err
}

// readModel reads the file of the model, and returns its path.
func (o *verifyOptions) readModel() (path string, data []byte, err error) {
	path = o.model
	if path == "" {
		path = rundir.Layout{Dir: o.run}.Model()
	}
	data, err = durable.ReadPlain(path, 1<<31-1)
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.model == "":
		err = cli.ExplainMissing(o.run, err)
	case err != nil:
		err = fmt.Errorf("read model: %w", err)
	}
	return path, data, err
}

// checkOfRun returns an error if the model is not the one that the run's summary names.
func (s subject) checkOfRun(dir string) error {
	summary, err := rundir.ReadSummary(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cli.ExplainMissing(dir, err)
	case err != nil:
		return err
	case summary.ModelSHA256 != s.sha256:
		return fmt.Errorf("%q is not the model of the run: its SHA-256 is %s, but summary.json has %s (write it again with: pipeline export model --run %s --out %s)",
			s.path, s.sha256, summary.ModelSHA256, printable.ShellWord(dir), printable.ShellWord(s.path))
	}
	return nil
}

func (s subject) failedInORT(err error) error {
	return cli.BadDataf("run %q in ONNX Runtime: %w", s.path, err)
}

package warmstart

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/internal/onnxpb"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/inspect"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// Read reads parameters from path, which is a run directory (its latest snapshot is
// read), a snapshot, a checkpoint file, or a model that package onnxmodels wrote
// without folding BatchNorm. If it is none of these, or damaged, the error is a
// *rundir.DataError.
func Read(path string) (*Source, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fault(path, err)
	case info.IsDir() && isFile(snapshot.CheckpointPath(path)):
		return readSnapshot(path, path)
	case info.IsDir():
		return readRun(path, func(dir string) (string, error) {
			_, latest, _, err := snapshot.Latest(rundir.Layout{Dir: dir}.Checkpoints())
			return latest, err
		})
	}
	head, err := firstBytes(path)
	if err != nil {
		return nil, fault(path, err)
	}
	if checkpoint.HasIdentifier(head) {
		return readCheckpoint(path, path)
	}
	return readModel(path)
}

// ReadBest reads the parameters of a run from the snapshot with the best validation
// accuracy.
func ReadBest(dir string) (*Source, error) { return readRun(dir, rundir.BestSnapshot) }

// fault returns a *rundir.DataError about the file or directory at path.
func fault(path string, err error) error {
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) && cause.Path == path {
		err = cause.Err
	}
	return &rundir.DataError{Path: path, Message: err.Error()}
}

// readRun reads a snapshot of the run in dir. choose returns the path of the snapshot.
func readRun(dir string, choose func(dir string) (string, error)) (*Source, error) {
	switch rundir.KindOf(dir) {
	case rundir.OfSweep:
		return nil, fault(dir, errors.New("is a sweep: take one of its runs, <condition>/<batch size>"))
	case rundir.Neither:
		return nil, fault(dir, errors.New("is not a run: take the directory of a run, a checkpoint or a model.onnx"))
	}
	path, err := choose(dir)
	var named *rundir.DataError // names a path already
	switch {
	case errors.As(err, &named):
		return nil, err
	case err != nil:
		return nil, fault(dir, err)
	}
	return readSnapshot(dir, path)
}

// readSnapshot reads the snapshot at path. Messages call it named, which is the path
// that the user gave.
func readSnapshot(named, path string) (*Source, error) {
	m, err := snapshot.Check(path)
	if err != nil {
		return nil, fault(named, err)
	}
	c, err := snapshot.Parameters(path)
	if err != nil {
		return nil, fault(named, err)
	}
	s, err := sourceOf(c, named, snapshot.CheckpointPath(path))
	if err != nil {
		return nil, err
	}
	s.Place = fmt.Sprintf("epoch %d, step %d", m.Epoch+min(m.Partial.Steps, 1), m.Step)
	return s, nil
}

// The properties of a checkpoint in which Write stores the origin and the classes of a
// source.
const (
	propertyFrom    = "onnxlab.from"
	propertyClasses = "onnxlab.classes"
)

// readCheckpoint reads the checkpoint file at path. If it is in the snapshot of a run, the
// source has the run's classes.
func readCheckpoint(named, path string) (*Source, error) {
	c, err := checkpoint.Read(path)
	if err != nil {
		return nil, fault(named, err)
	}
	return sourceOf(artifact.Averaged(c), named, path)
}

// sourceOf makes a source of c, which was read from path.
func sourceOf(c *checkpoint.Checkpoint, named, path string) (*Source, error) {
	s := &Source{Path: named, Parameters: append(c.Trainable, c.Frozen...)}
	s.Parameters = slices.DeleteFunc(s.Parameters, func(t checkpoint.Tensor) bool {
		return t.Name == onnxmodels.StepCounter || artifact.IsState(t.Name)
	})
	if from := c.Properties.Strings[propertyFrom]; from != "" {
		s.Place = "of " + printable.Name(from)
	}
	if text, ok := c.Properties.Strings[propertyClasses]; ok {
		if err := json.Unmarshal([]byte(text), &s.Classes); err != nil {
			return nil, fault(named, fmt.Errorf("property %s: %w", propertyClasses, err))
		}
		return s, nil
	}
	return s, s.readRunFiles(filepath.Dir(filepath.Dir(path)))
}

// readRunFiles sets Classes and Network from the files of the run with this directory of
// checkpoints. It does nothing if the directory does not belong to a run.
func (s *Source) readRunFiles(checkpoints string) error {
	dir := filepath.Dir(checkpoints)
	if (rundir.Layout{Dir: dir}).Checkpoints() != checkpoints || rundir.KindOf(dir) != rundir.OfRun {
		return nil
	}
	environment, err := rundir.ReadEnvironment(dir)
	if err != nil {
		return err
	}
	experiment, err := rundir.ReadConfig(dir)
	if err != nil {
		return err
	}
	s.Classes = environment.Data.Classes
	s.Network = settingsOf(experiment.Model)
	return nil
}

// settingsOf lists the settings that made a network, so that a message can advise to use
// the same ones.
func settingsOf(m configs.Model) string {
	switch m.Kind {
	case configs.KindCNN:
		return fmt.Sprintf("model.widths %s and model.convolutions %d", strings.ReplaceAll(fmt.Sprint(m.Widths), " ", ", "), m.Convolutions)
	case configs.KindResNet:
		return fmt.Sprintf("model.kind %s, model.form %s, model.depth %d and model.width_factor %v", m.Kind, m.Form, m.Depth, m.WidthFactor)
	case configs.KindMobileNet:
		return fmt.Sprintf("model.kind %s and model.width_factor %v", m.Kind, m.WidthFactor)
	case configs.KindONNX:
		return fmt.Sprintf("model.kind %s and model.path %s", m.Kind, printable.Name(m.Path))
	}
	return ""
}

// Write writes the source to a checkpoint file. Read returns an equal source, except that
// its Place names the original source.
func (s *Source) Write(path string) error {
	c := &checkpoint.Checkpoint{Trainable: s.Parameters}
	c.Properties.Strings = map[string]string{propertyFrom: s.String()}
	if len(s.Classes) > 0 {
		text, err := json.Marshal(s.Classes)
		if err != nil {
			return err
		}
		c.Properties.Strings[propertyClasses] = string(text)
	}
	return checkpoint.Write(path, c)
}

// readModel reads the parameters of a model. Package inspect says which initializers are
// parameters, and which are constants.
func readModel(path string) (*Source, error) {
	m, err := modelfile.Read(path)
	if err != nil {
		return nil, fault(path, err)
	}
	signature, err := onnxmodels.SignatureOf(m)
	if err != nil {
		return nil, fault(path, err)
	}
	s := &Source{Path: path}
	if !signature.Unnamed {
		s.Classes = signature.Classes
	}
	report := inspect.Model(m)
	parameters := map[string]bool{}
	for _, p := range report.Parameters {
		parameters[p.Name] = true
	}
	for _, t := range m.GetGraph().GetInitializer() {
		if parameters[t.GetName()] {
			s.Parameters = append(s.Parameters, tensorOf(t))
		}
	}
	s.folded = true
	for _, o := range report.Operators {
		s.folded = s.folded && o.Operator != "BatchNormalization"
	}
	return s, nil
}

// tensorOf converts an initializer. The result has no data if the initializer is not
// float32.
func tensorOf(t *onnxpb.Tensor) checkpoint.Tensor {
	x := checkpoint.Tensor{Name: t.GetName(), Shape: []int{}}
	for _, d := range t.GetDims() {
		x.Shape = append(x.Shape, int(d))
	}
	if graph.Elem(t.GetDataType()) != graph.Float {
		return x
	}
	if x.Data = t.GetFloatData(); len(x.Data) > 0 {
		return x
	}
	raw := t.GetRawData()
	x.Data = make([]float32, len(raw)/4)
	for i := range x.Data {
		x.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return x
}

// foldedFault returns the error for a model whose BatchNorm is folded. It names the command
// that exports the model without folding.
func (s *Source) foldedFault() error {
	run := "RUN"
	if dir := filepath.Dir(s.Path); rundir.KindOf(dir) == rundir.OfRun {
		run = dir
	}
	return s.fault("its BatchNorm is folded into the convolutions, and cannot be trained further: start from the run with --from %s, or from the model that 'pipeline export model --run %s --fold=false --out unfolded.onnx' writes", run, run)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// firstBytes returns the first eight bytes of a file, or all of a shorter one.
func firstBytes(path string) ([]byte, error) {
	f, err := durable.OpenPlain(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 8)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return head[:n], err
}

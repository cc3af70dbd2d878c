package trainloop

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/source"
	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/rundir"
)

// given is the ONNX model that the user supplied, for experiments with model.kind onnx.
type given struct {
	file  *modelfile.File
	model *importer.Model
	// head is the new classifier; nil if the model keeps its own.
	head *importer.Head
}

// readGiven reads the experiment's model and, if necessary, replaces its classifier. If the
// model accepts images of any size, they have height x width pixels. apart means the same as for Given.
func readGiven(m configs.Model, height, width int, apart bool) (*given, error) {
	if m.Path == "" {
		return nil, &SettingError{"model.path", "it is empty, but model.kind onnx trains the ONNX model that it names"}
	}
	file, err := modelfile.ReadFile(m.Path)
	if err != nil {
		return nil, unreadable(m.Path, err)
	}
	if apart {
		importer.Untie(file.Model)
	} else {
		importer.UntieStatistics(file.Model)
	}
	g := &given{file: file}
	options := importer.Options{Height: height, Width: width}
	g.model, err = importer.Read(file.Model, options)
	if errors.Is(err, importer.ErrOpenSize) {
		return nil, &SettingError{"data.size", fmt.Sprintf("%q takes images of several sizes: set the size that it was trained for", m.Path)}
	}
	if err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	if !replaces(m, g.model.Logits.Size(1)) {
		return g, nil
	}
	if m.Classes == 0 {
		return nil, &SettingError{"model.classes", "0 takes the number of classes from the data, which is not read here: set it"}
	}
	if g.head, err = g.model.ReplaceHead(m.Classes); err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	if g.model, err = importer.Read(file.Model, options); err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	return g, nil
}

// unreadable returns the error for a model that cannot be read, with its path only once.
func unreadable(path string, err error) error {
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		err = cause.Err
	}
	return &rundir.DataError{Path: path, Message: "read model: " + err.Error()}
}

// replaces reports whether the model's classifier, which has this many classes, is
// replaced.
func replaces(m configs.Model, classes int) bool {
	return m.Head == configs.HeadReplace || m.Head == configs.HeadAuto && m.Classes != 0 && m.Classes != classes
}

// Given returns the network of the ONNX model that the settings name. If the model accepts
// images of any size, they have height x width pixels. If the settings have no
// normalisation, the network takes the same inputs as the model. With apart, as in training, each
// layer of a model that has not been trained yet gets parameters of its own (importer.Untie); otherwise
// the parameters are those of the file, only running statistics are separate.
func Given(m configs.Model, height, width int, apart bool) (*onnxmodels.Network, error) {
	g, err := readGiven(m, height, width, apart)
	if err != nil {
		return nil, err
	}
	return g.network(m)
}

// givenNetwork is Given for images of exactly height x width pixels.
func givenNetwork(m configs.Model, height, width int) (*onnxmodels.Network, error) {
	n, err := Given(m, height, width, true)
	if err != nil {
		return nil, err
	}
	if h, w := n.Size(); h != height || w != width {
		return nil, &SettingError{"data.size", fmt.Sprintf("the images are %dx%d pixels, but %q takes %dx%d; leave out data.size, or set it to 0, to resize the images of folders to that size", height, width, m.Path, h, w)}
	}
	return n, nil
}

// CheckGiven checks what the experiment sets for its given model, as far as the model's file and
// the names of the classes tell without reading any images: the size of the images, the
// normalisation, the last layer, and the parameters that settings name. The notes are about
// settings that have no effect. It does nothing for other kinds of models.
func CheckGiven(e configs.Experiment) ([]configs.Note, error) {
	if e.Model.Kind != configs.KindONNX {
		return nil, nil
	}
	if e.Model.Classes == 0 {
		e.Model.Classes = foreseenClasses(e)
	}
	network, err := foreseenNetwork(e)
	if err != nil {
		return nil, err
	}
	cut, err := cutFor(e, network)
	if err != nil {
		return nil, err
	}
	return givenNotes(e.Model, network), checkMultipliers(trained(network, cut), e.Optimizer)
}

// foreseenNetwork is the network for the images that the settings describe.
func foreseenNetwork(e configs.Experiment) (*onnxmodels.Network, error) {
	if e.Data.LeavesSize() { // the model must say it
		return Given(e.Model, 0, 0, true)
	}
	height, width := e.Data.Sides()
	return givenNetwork(e.Model, height, width)
}

// foreseenClasses returns the number of classes that the data will have. It is 0 if that is not
// known before images are read, or if there is a mistake, which reading them will report.
func foreseenClasses(e configs.Experiment) int {
	if e.Model.Head == configs.HeadReplace {
		return 2 // any number: the new layer's parameters have the names of the old ones
	}
	found, err := source.Survey(e.Data, dataset.Train)
	if err != nil {
		return 0
	}
	return len(found.Classes)
}

// givenNotes returns notes about settings that have no effect on the given model.
func givenNotes(m configs.Model, n *onnxmodels.Network) []configs.Note {
	if m.BatchNorm.Mode == configs.BatchNormAuto || n.HasBatchNorm() {
		return nil
	}
	const key = "model.batchnorm.mode"
	return []configs.Note{{Key: key, Message: fmt.Sprintf(
		"%s: %s does nothing, since %q has no BatchNormalization: many exporters fold it into the convolutions", key, m.BatchNorm.Mode, m.Path)}}
}

// network builds the network from the model.
func (g *given) network(m configs.Model) (*onnxmodels.Network, error) {
	if classes := g.model.Logits.Size(1); m.Classes != 0 && m.Classes != classes {
		return nil, &SettingError{"model.head", fmt.Sprintf("%s leaves %q its %d classes, but the data has %d: auto or replace makes a new last layer", m.Head, m.Path, classes, m.Classes)}
	}
	o := onnxmodels.GivenOptions{Train: g.patterns(m.Train), BatchNorm: m.BatchNorm.Mode}
	if m.Normalize != "" {
		n, err := g.normalization(m)
		if err != nil {
			return nil, err
		}
		o.Normalization = &n
	}
	if g.head != nil {
		o.New = g.head.Names()
	}
	network, err := onnxmodels.Given(g.model, o)
	if wrong := (*onnxmodels.NormalizationError)(nil); errors.As(err, &wrong) {
		return nil, &SettingError{"model.normalize", wrong.Problem}
	}
	if err != nil {
		return nil, &SettingError{"model.train", fmt.Sprintf("%v: 'pipeline inspect --parameters %s' lists the parameters", err, printable.ShellWord(m.Path))}
	}
	return network, nil
}

// patterns returns the patterns of the setting, with "head" replaced by the names of the
// classifier's parameters.
func (g *given) patterns(list []string) []string {
	head, err := g.model.Head()
	var patterns []string
	for _, p := range list {
		if bare := strings.TrimPrefix(p, "-"); bare == "head" && err == nil {
			for _, name := range head.Names() {
				patterns = append(patterns, strings.TrimSuffix(p, bare)+escaped(name))
			}
			continue
		}
		patterns = append(patterns, p)
	}
	return patterns
}

// escaped returns a pattern that matches only this name.
func escaped(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// normalization returns how images are normalised, from the setting or the model's
// metadata.
func (g *given) normalization(m configs.Model) (n onnxmodels.Normalization, err error) {
	if m.Normalize == configs.NormalizeAuto {
		n, err = onnxmodels.NormalizationOf(g.file.Model)
	} else {
		n, err = onnxmodels.ParseNormalization(m.Normalize)
	}
	if err != nil {
		return n, &SettingError{"model.normalize", err.Error()}
	}
	return n, nil
}

// GivenSize returns the height and width of the images that the experiment's given model
// takes. They are 0 if the model accepts any size, and for other kinds of models.
func GivenSize(e configs.Experiment) (height, width int, err error) {
	if e.Model.Kind != configs.KindONNX {
		return 0, 0, nil
	}
	m, err := modelfile.Read(e.Model.Path)
	if err != nil {
		return 0, 0, unreadable(e.Model.Path, err)
	}
	height, width, err = importer.ImageSize(m)
	if err != nil {
		err = &rundir.DataError{Path: e.Model.Path, Message: err.Error()}
	}
	return height, width, err
}

// WriteFineTuned writes the experiment's given model with the parameters of the checkpoint.
// Apart from a new classifier and tensors that are no longer shared (importer.Untie), the names,
// metadata and graph stay as the user supplied them. If the weights were in a separate file, they are
// written to a separate file again.
// If the model accepts images of any size, they have height x width pixels.
func WriteFineTuned(path string, m configs.Model, height, width int, state *checkpoint.Checkpoint) error {
	g, err := readGiven(m, height, width, true)
	if err != nil {
		return err
	}
	err = g.model.SetParameters(func(name string) ([]float32, error) {
		t := state.Parameter(name)
		if t == nil {
			return nil, fmt.Errorf("the checkpoint has no parameter %q: it is of another network", name)
		}
		return t.Data, nil
	})
	if err != nil {
		return err
	}
	return g.file.Write(path)
}

// modelFile returns the path and the hash of the experiment's given model; nil for other
// kinds.
func modelFile(m configs.Model) (*rundir.ModelFile, error) {
	if m.Kind != configs.KindONNX {
		return nil, nil
	}
	hash, err := durable.HashFile(m.Path)
	if err != nil {
		return nil, unreadable(m.Path, err)
	}
	return &rundir.ModelFile{Path: m.Path, SHA256: hash}, nil
}

// checkModel returns a *Mismatch if the run began with another given model than the
// experiment names now.
func (r *run) checkModel() error {
	difference, err := otherModel(r.Experiment.Model, r.environment.Model)
	if difference != "" {
		return &Mismatch{Dir: r.Dir, Differences: []string{difference}}
	}
	return err
}

// CheckModel returns a *rundir.DataError if the file of a run's given model is not the one
// that the run began with. Other kinds of models have no file.
func CheckModel(m configs.Model, began *rundir.ModelFile) error {
	difference, err := otherModel(m, began)
	if difference != "" {
		return &rundir.DataError{Path: m.Path, Message: difference + ": put the file back with which the run began"}
	}
	return err
}

// otherModel says how the given model differs from the one that a run began with; "" if it is
// the same, or if the model is of another kind.
func otherModel(m configs.Model, began *rundir.ModelFile) (difference string, err error) {
	now, err := modelFile(m)
	if err != nil || now == nil || began != nil && began.SHA256 == now.SHA256 {
		return "", err
	}
	then := "none"
	if began != nil {
		then = fmt.Sprintf("%q with SHA-256 %.12s", began.Path, began.SHA256)
	}
	return fmt.Sprintf("model.path: %s became %q with SHA-256 %.12s", then, now.Path, now.SHA256), nil
}

package trainloop

import (
	"fmt"
	"strings"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/rundir"
)

// given is the given model that an experiment of model.kind onnx trains.
type given struct {
	file  *modelfile.File
	model *importer.Model
	// head is the new classifier, nil if the model keeps its own.
	head *importer.Head
}

// readGiven reads the model of the experiment, with a classifier of its classes, for images
// of height x width pixels, which count where the model leaves them open.
func readGiven(m configs.Model, height, width int) (*given, error) {
	if m.Path == "" {
		return nil, &SettingError{"model.path", "model.kind onnx trains the ONNX model that it names, and it is empty"}
	}
	file, err := modelfile.ReadFile(m.Path)
	if err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	g := &given{file: file}
	options := importer.Options{Height: height, Width: width}
	if g.model, err = importer.Read(file.Model, options); err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	if !replaces(m, g.model.Logits.Size(1)) {
		return g, nil
	}
	if m.Classes == 0 {
		return nil, &SettingError{"model.classes", "0 leaves the number to the data, which is not read here: set it"}
	}
	if g.head, err = g.model.ReplaceHead(m.Classes); err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	if g.model, err = importer.Read(file.Model, options); err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	return g, nil
}

// replaces tells whether the model gets a new classifier, in place of one of so many classes.
func replaces(m configs.Model, classes int) bool {
	return m.Head == configs.HeadReplace || m.Head == configs.HeadAuto && m.Classes != 0 && m.Classes != classes
}

// Given returns the network of the given model that the settings name. Images have
// height x width pixels where the model leaves that open. Without a normalisation in the
// settings, the network takes what the model itself takes.
func Given(m configs.Model, height, width int) (*onnxmodels.Network, error) {
	g, err := readGiven(m, height, width)
	if err != nil {
		return nil, err
	}
	return g.network(m)
}

// givenNetwork is the network of the given model that the settings name, for images of
// height x width pixels.
func givenNetwork(m configs.Model, height, width int) (*onnxmodels.Network, error) {
	n, err := Given(m, height, width)
	if err != nil {
		return nil, err
	}
	if h, w := n.Size(); h != height || w != width {
		return nil, &SettingError{"data.size", fmt.Sprintf("the images are %dx%d pixels, but %q takes %dx%d; where data.size is left out or 0, those of folders are resized to that", height, width, m.Path, h, w)}
	}
	return n, nil
}

// network is the network of the model.
func (g *given) network(m configs.Model) (*onnxmodels.Network, error) {
	if classes := g.model.Logits.Size(1); m.Classes != 0 && m.Classes != classes {
		return nil, &SettingError{"model.classes", fmt.Sprintf("%d, but %q has %d: set model.head to replace", m.Classes, m.Path, classes)}
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
	if err != nil {
		return nil, &SettingError{"model.train", err.Error()}
	}
	return network, nil
}

// patterns are those of the setting, in which "head" is the classifier's parameters.
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

// escaped is a pattern that matches one name alone.
func escaped(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// normalization is what the setting, or else the model's metadata, say of its images.
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

// GivenSize is the height and width of the images that the experiment's given model
// takes; 0 for one that leaves them open, and for other kinds of models.
func GivenSize(e configs.Experiment) (height, width int, err error) {
	if e.Model.Kind != configs.KindONNX {
		return 0, 0, nil
	}
	m, err := modelfile.Read(e.Model.Path)
	if err != nil {
		return 0, 0, &rundir.DataError{Path: e.Model.Path, Message: err.Error()}
	}
	height, width, err = importer.ImageSize(m)
	if err != nil {
		err = &rundir.DataError{Path: e.Model.Path, Message: err.Error()}
	}
	return height, width, err
}

// WriteFineTuned writes the given model of an experiment as it was given, with the
// parameters of the checkpoint: names, metadata and the graph stay as they were, but for a new
// classifier. Weights that lay in another file than the model do so again. The images have
// height x width pixels, which count where the model leaves them open.
func WriteFineTuned(path string, m configs.Model, height, width int, state *checkpoint.Checkpoint) error {
	g, err := readGiven(m, height, width)
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

// modelFile names the given model of an experiment; nil for other kinds.
func modelFile(m configs.Model) (*rundir.ModelFile, error) {
	if m.Kind != configs.KindONNX {
		return nil, nil
	}
	hash, err := durable.HashFile(m.Path)
	if err != nil {
		return nil, &rundir.DataError{Path: m.Path, Message: err.Error()}
	}
	return &rundir.ModelFile{Path: m.Path, SHA256: hash}, nil
}

// checkModel tells whether the run that has begun did so with the given model that the
// experiment names now.
func (r *run) checkModel() error {
	now, err := modelFile(r.Experiment.Model)
	if began := r.environment.Model; err == nil && now != nil && (began == nil || began.SHA256 != now.SHA256) {
		then := "none"
		if began != nil {
			then = fmt.Sprintf("%q with SHA-256 %.12s", began.Path, began.SHA256)
		}
		return &Mismatch{Dir: r.Dir, Differences: []string{fmt.Sprintf("model.path: %s became %q with SHA-256 %.12s", then, now.Path, now.SHA256)}}
	}
	return err
}

package cli

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/source"
)

// DataFlags are ExperimentFlags with two more flags for the settings data.source and
// data.path.
type DataFlags struct {
	ExperimentFlags
	dataSource, DataPath string
}

// Add adds the flags to a command. path is the name of the flag for data.path.
func (f *DataFlags) Add(cmd *cobra.Command, path string) {
	f.ExperimentFlags.Add(cmd)
	cmd.Flags().StringVar(&f.dataSource, "source", "", "short for --set data.source=…")
	cmd.Flags().StringVar(&f.DataPath, path, "", "short for --set data.path=…")
}

// Load is ExperimentFlags.Load with the settings of --source and of the path.
func (f *DataFlags) Load(sections ...string) (*configs.Experiment, error) {
	f.expand()
	return f.ExperimentFlags.Load(sections...)
}

// expand adds the values of --source and of the path to Sets.
func (f *DataFlags) expand() {
	if f.dataSource != "" {
		f.Sets = append(f.Sets, "data.source="+f.dataSource)
	}
	if f.DataPath != "" {
		f.Sets = append(f.Sets, "data.path="+f.DataPath)
	}
}

// LoadOrOfRun loads the sections data and runtime of the experiment, or of the run in dir
// unless dir is empty. It ignores the run's runtime.library: the run may come from a
// stranger, and a library is code. It also ignores runtime.precision, which is only for
// training: models are in float32 and run on any device.
func (f *DataFlags) LoadOrOfRun(dir string) (*configs.Experiment, error) {
	f.expand()
	path, err := f.file(dir != "", dir)
	if err != nil {
		return nil, err
	}
	e, err := configs.LoadFor(path, append([]string{"runtime.precision=" + string(configs.Float32)}, f.Sets...), "data", "runtime")
	named := func(set string) bool { return strings.HasPrefix(set, "runtime.library=") }
	if err == nil && dir != "" && f.Config == "" && !slices.ContainsFunc(f.Sets, named) {
		e.Runtime.Library = ""
	}
	return e, err
}

// LoadData reads splits of the experiment's images, by default those that training needs,
// and writes notes about what was decided for them.
func LoadData(ctx context.Context, d configs.Data, stderr io.Writer, splits ...dataset.Split) (*dataset.Splits, error) {
	if err := source.Fetch(ctx, d, stderr); err != nil {
		return nil, err
	}
	loaded, err := source.Load(ctx, d, splits...)
	if err != nil {
		return nil, err
	}
	WriteNotes(stderr, loaded.Notes)
	return loaded, nil
}

// LoadSplit reads one split.
func LoadSplit(ctx context.Context, d configs.Data, stderr io.Writer, split dataset.Split) (*dataset.Set, error) {
	loaded, err := LoadData(ctx, d, stderr, split)
	if err != nil {
		return nil, err
	}
	return loaded.Of(split), nil
}

// NoteData writes the same notes as LoadData about the images to train on, without reading
// the images.
func NoteData(d configs.Data, stderr io.Writer) error {
	found, err := source.Survey(d, dataset.Train, dataset.Validation)
	if err != nil {
		return err
	}
	WriteNotes(stderr, found.Notes)
	return nil
}

// SettleClasses sets model.classes to the number of classes in the data if the experiment
// leaves it at 0. Training does not need it: it has the images.
func SettleClasses(e *configs.Experiment) error {
	if e.Model.Classes != 0 {
		return nil
	}
	found, err := source.Survey(e.Data, dataset.Train)
	e.Model.Classes = len(found.Classes)
	return err
}

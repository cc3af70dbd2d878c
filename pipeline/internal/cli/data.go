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

// DataFlags are ExperimentFlags with short forms of the two settings that say
// where the images are.
type DataFlags struct {
	ExperimentFlags
	dataSource, DataPath string
}

// Add adds the flags, that of the path under the given name.
func (f *DataFlags) Add(cmd *cobra.Command, path string) {
	f.ExperimentFlags.Add(cmd)
	cmd.Flags().StringVar(&f.dataSource, "source", "", "short for --set data.source=…")
	cmd.Flags().StringVar(&f.DataPath, path, "", "short for --set data.path=…")
}

// Load is that of ExperimentFlags, after the short forms.
func (f *DataFlags) Load(sections ...string) (*configs.Experiment, error) {
	f.expand()
	return f.ExperimentFlags.Load(sections...)
}

// expand makes settings of the short forms.
func (f *DataFlags) expand() {
	if f.dataSource != "" {
		f.Sets = append(f.Sets, "data.source="+f.dataSource)
	}
	if f.DataPath != "" {
		f.Sets = append(f.Sets, "data.path="+f.DataPath)
	}
}

// LoadOrOfRun is load of the data and the runtime, or of those of the run in dir
// if one is named. The library that it names is left out: a run may be a
// stranger's, and the library is code. So is the precision, which is of training:
// models are in float32 and run on any device.
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

// LoadData reads the wanted splits of the experiment's images, by default those that
// training takes, and tells what was decided about them.
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

// NoteData tells what would be decided about the images that are trained on, without
// reading them.
func NoteData(d configs.Data, stderr io.Writer) error {
	found, err := source.Survey(d, dataset.Train, dataset.Validation)
	if err != nil {
		return err
	}
	WriteNotes(stderr, found.Notes)
	return nil
}

// SettleClasses asks the data how many classes the network tells apart, if the
// experiment leaves that to it. Training itself does that with the images it has.
func SettleClasses(e *configs.Experiment) error {
	if e.Model.Classes != 0 {
		return nil
	}
	found, err := source.Survey(e.Data, dataset.Train)
	e.Model.Classes = len(found.Classes)
	return err
}

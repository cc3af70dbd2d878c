package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/source"
	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

// experimentFlags are --config and --set, which every command that follows an
// experiment has.
type experimentFlags struct {
	config string
	sets   []string
}

func (f *experimentFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "experiment to follow, a YAML file (default: the study's settings, on the synthetic set)")
	cmd.Flags().StringArrayVar(&f.sets, "set", nil, "override one setting, section.key=value (repeatable)")
}

// load reads the experiment, of which the sections are used, or without any all.
func (f *experimentFlags) load(sections ...string) (*configs.Experiment, error) {
	e, err := configs.LoadFor(f.config, f.sets, sections...)
	if err != nil {
		return nil, err
	}
	return e, settleSize(e)
}

// settleSize gives a folder's images the size that a model from outside takes, where the
// experiment leaves it open.
func settleSize(e *configs.Experiment) error {
	if !e.Data.LeavesSize() {
		return nil
	}
	height, width, err := trainloop.GivenSize(*e)
	e.Data.SettleSize(height, width)
	return err
}

// file is the configuration to load: that in dir if it is to be resumed, has one
// and no other is given.
func (f *experimentFlags) file(resume bool, dir string) (string, error) {
	if !resume || dir == "" || f.config != "" {
		return f.config, nil
	}
	config := (rundir.Layout{Dir: dir}).Config()
	// Loading it would wait for a pipe, as --config does.
	file, err := durable.OpenPlain(config)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", &dataError{err}
	}
	_ = file.Close() // it was only read
	return config, nil
}

// follow returns the experiment of a run or a sweep, and its directory: out, or
// runs/<name>. With resume something must have begun there, or be given to begin
// with: a mistyped directory would begin the study.
func (f *experimentFlags) follow(resume bool, out string) (r *configs.Resolved, dir string, err error) {
	path, err := f.file(resume, out)
	if err != nil {
		return nil, "", err
	}
	load := configs.LoadResolved
	if path != f.config {
		load = configs.LoadBegun
	}
	if r, err = load(path, f.sets); err != nil {
		return nil, "", err
	}
	if err := settleSize(&r.Experiment); err != nil {
		return nil, "", err
	}
	if dir = out; dir == "" {
		dir = filepath.Join("runs", runName(f.config, r.Experiment.Name))
	}
	if err := refuseDeadLink("out", dir); err != nil {
		return nil, "", err
	}
	if resume && rundir.KindOf(dir) == rundir.Neither && !r.GivesAny() {
		return nil, "", &usageError{fmt.Errorf("--resume: nothing has begun in %q: give another directory with --out, or begin with --config FILE", dir)}
	}
	return r, dir, nil
}

// runName is the experiment's name, or that of its file.
func runName(config, name string) string {
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(config), filepath.Ext(config))
	}
	if name == "." || !filepath.IsLocal(name) {
		return "train"
	}
	return name
}

// resumeCommand is what goes on with the run or sweep in dir.
func (f *experimentFlags) resumeCommand(name, dir string) string {
	words := []string{"pipeline", name}
	if f.config != "" {
		words = append(words, "--config", quoted(f.config))
	}
	for _, s := range f.sets {
		words = append(words, "--set", quoted(s))
	}
	return strings.Join(append(words, "--out", quoted(dir), "--resume"), " ")
}

// dataFlags are experimentFlags with short forms of the two settings that say
// where the images are.
type dataFlags struct {
	experimentFlags
	dataSource, dataPath string
}

// add adds the flags, that of the path under the given name.
func (f *dataFlags) add(cmd *cobra.Command, path string) {
	f.experimentFlags.add(cmd)
	cmd.Flags().StringVar(&f.dataSource, "source", "", "short for --set data.source=…")
	cmd.Flags().StringVar(&f.dataPath, path, "", "short for --set data.path=…")
}

// load is that of experimentFlags, after the short forms.
func (f *dataFlags) load(sections ...string) (*configs.Experiment, error) {
	f.expand()
	return f.experimentFlags.load(sections...)
}

// expand makes settings of the short forms.
func (f *dataFlags) expand() {
	if f.dataSource != "" {
		f.sets = append(f.sets, "data.source="+f.dataSource)
	}
	if f.dataPath != "" {
		f.sets = append(f.sets, "data.path="+f.dataPath)
	}
}

// checkRun tells why dir is not that of a run.
func checkRun(dir string) error {
	layout := rundir.Layout{Dir: dir}
	if _, err := os.Stat(layout.Config()); err != nil {
		return fmt.Errorf("%q is not a run directory: %w", dir, err)
	}
	if _, err := os.Stat(layout.Environment()); err != nil {
		return fmt.Errorf("%q is not a run directory: %w (of a sweep, give one of its runs: <condition>/<batch size>)", dir, err)
	}
	return nil
}

// explainMissing tells why dir lacks a file that complete runs have, which is
// cause: the run in it has not ended, or there is none.
func explainMissing(dir string, cause error) error {
	if err := checkRun(dir); err != nil {
		return err
	}
	return fmt.Errorf("the run %q is not complete: %w (go on with it: pipeline train --out %s --resume)", dir, cause, quoted(dir))
}

// loadOrOfRun is load of the data and the runtime, or of those of the run in dir
// if one is named. The library that it names is left out: a run may be a
// stranger's, and the library is code. So is the precision, which is of training:
// models are in float32 and run on any device.
func (f *dataFlags) loadOrOfRun(dir string) (*configs.Experiment, error) {
	f.expand()
	path, err := f.file(dir != "", dir)
	if err != nil {
		return nil, err
	}
	e, err := configs.LoadFor(path, append([]string{"runtime.precision=" + configs.Float32}, f.sets...), "data", "runtime")
	named := func(set string) bool { return strings.HasPrefix(set, "runtime.library=") }
	if err == nil && dir != "" && f.config == "" && !slices.ContainsFunc(f.sets, named) {
		e.Runtime.Library = ""
	}
	return e, err
}

// loadData reads the wanted splits of the experiment's images, by default those that
// training takes, and tells what was decided about them.
func loadData(ctx context.Context, d configs.Data, stderr io.Writer, splits ...dataset.Split) (*dataset.Splits, error) {
	loaded, err := source.Load(source.WithProgress(ctx, stderr), d, splits...)
	if err != nil {
		return nil, err
	}
	writeNotes(stderr, loaded.Notes)
	return loaded, nil
}

// loadSplit reads one split.
func loadSplit(ctx context.Context, d configs.Data, stderr io.Writer, split dataset.Split) (*dataset.Set, error) {
	loaded, err := loadData(ctx, d, stderr, split)
	if err != nil {
		return nil, err
	}
	return loaded.Of(split), nil
}

// tellOfData tells what would be decided about the images that are trained on, without
// reading them.
func tellOfData(d configs.Data, stderr io.Writer) error {
	found, err := source.Survey(d, dataset.Train, dataset.Validation)
	if err != nil {
		return err
	}
	writeNotes(stderr, found.Notes)
	return nil
}

// settleClasses asks the data how many classes the network tells apart, if the
// experiment leaves that to it. Training itself does that with the images it has.
func settleClasses(e *configs.Experiment) error {
	if e.Model.Classes != 0 {
		return nil
	}
	found, err := source.Survey(e.Data, dataset.Train)
	e.Model.Classes = len(found.Classes)
	return err
}

// noteLines are the notes of an experiment.
func noteLines(notes []configs.Note) []string {
	var lines []string
	for _, n := range notes {
		lines = append(lines, n.String())
	}
	return lines
}

// writeNotes prints what a user should know, a line each.
func writeNotes(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintf(w, "note: %s\n", printable.Line(note))
	}
}

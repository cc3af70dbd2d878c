package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

// ExperimentFlags are --config and --set, which every command that follows an
// experiment has.
type ExperimentFlags struct {
	Config string
	Sets   []string
}

// Add adds the flags to a command.
func (f *ExperimentFlags) Add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.Config, "config", "", "experiment to follow, a YAML file (default: the study's settings, on the synthetic set)")
	cmd.Flags().StringArrayVar(&f.Sets, "set", nil, "override one setting, section.key=value (repeatable)")
}

// Load reads the experiment. sections are those that the command uses; none means all.
func (f *ExperimentFlags) Load(sections ...string) (*configs.Experiment, error) {
	e, err := configs.LoadFor(f.Config, f.Sets, sections...)
	if err != nil {
		return nil, err
	}
	return e, settleSize(e)
}

// settleSize sets the size of a folder's images to that of a given model if the experiment
// leaves it open. For a given model, grey images get three channels.
func settleSize(e *configs.Experiment) error {
	if e.Model.Kind == configs.KindONNX {
		e.Data.SettleChannels(3)
	}
	if !e.Data.LeavesSize() {
		return nil
	}
	height, width, err := trainloop.GivenSize(*e)
	e.Data.SettleSize(height, width)
	return err
}

// CheckGivens checks the given models of experiments before any images are read, each model with
// the same settings only once, and calls note for each note about them, with the index of the
// experiment. If err is not nil, it is that of the experiment at the index.
func CheckGivens(experiments []configs.Experiment, note func(index int, n configs.Note)) (index int, err error) {
	checked := map[string]bool{}
	for i, e := range experiments {
		key := fmt.Sprint(e.Model, e.Data, e.Train.CacheFeatures, e.Optimizer.RateMultipliers)
		if checked[key] {
			continue
		}
		checked[key] = true
		notes, err := trainloop.CheckGiven(e)
		if err != nil {
			return i, err
		}
		for _, n := range notes {
			note(i, n)
		}
	}
	return 0, nil
}

// file returns the configuration to load: that in dir if the run there is to be resumed, dir
// has one, and --config is not given.
func (f *ExperimentFlags) file(resume bool, dir string) (string, error) {
	if !resume || dir == "" || f.Config != "" {
		return f.Config, nil
	}
	config := (rundir.Layout{Dir: dir}).Config()
	// If this is a pipe, loading it would wait for a writer. For --config that is intended.
	file, err := durable.OpenPlain(config)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", BadData(err)
	}
	_ = file.Close() // it was only read
	return config, nil
}

// Follow returns the experiment of a run or a sweep, and its directory: out, or
// runs/<name>. With resume, there must be a run or a sweep in the directory, or some setting
// must be given. Otherwise a mistyped directory would begin the study.
func (f *ExperimentFlags) Follow(resume bool, out string) (r *configs.Resolved, dir string, err error) {
	path, err := f.file(resume, out)
	if err != nil {
		return nil, "", err
	}
	load := configs.LoadResolved
	if path != f.Config {
		load = configs.LoadBegun
	}
	if r, err = load(path, f.Sets); err != nil {
		return nil, "", err
	}
	if err := settleSize(&r.Experiment); err != nil {
		return nil, "", err
	}
	if dir = out; dir == "" {
		dir = filepath.Join("runs", RunName(f.Config, r.Experiment.Name))
	}
	if err := RefuseDeadLink("out", dir); err != nil {
		return nil, "", err
	}
	if resume && rundir.KindOf(dir) == rundir.Neither && !r.GivesAny() {
		return nil, "", BadUsagef("--resume: there is no run or sweep in %q: give another directory with --out, or begin one with --config FILE", dir)
	}
	return r, dir, nil
}

// RunName returns the experiment's name, or the name of its file without the extension.
func RunName(config, name string) string {
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(config), filepath.Ext(config))
	}
	if name == "." || !filepath.IsLocal(name) {
		return "train"
	}
	return name
}

// ResumeCommand returns the command that resumes the run or sweep in dir.
func (f *ExperimentFlags) ResumeCommand(name, dir string) string {
	words := []string{"pipeline", name}
	if f.Config != "" {
		words = append(words, "--config", printable.ShellWord(f.Config))
	}
	for _, s := range f.Sets {
		words = append(words, "--set", printable.ShellWord(s))
	}
	return strings.Join(append(words, "--out", printable.ShellWord(dir), "--resume"), " ")
}

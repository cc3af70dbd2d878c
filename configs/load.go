package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// Resolved is an experiment and where each of its settings was given.
type Resolved struct {
	Experiment Experiment
	// Origins maps full keys, such as "train.epochs", to where they were set.
	Origins map[string]Origin
}

// Load reads the experiment in the file at path, which may extend other files,
// then the environment (ONNXLAB_TRAIN_EPOCHS=3), then sets ("train.epochs=3");
// later values win. If path is "", it starts from Default. The *Error lists all
// mistakes in all of them.
func Load(path string, sets []string) (*Experiment, error) { return LoadFor(path, sets) }

// LoadFor is Load for programs that use only some sections: two settings that
// contradict each other are a mistake only if both are in these sections. Without
// sections it checks all of them, as Load does.
func LoadFor(path string, sets []string, sections ...string) (*Experiment, error) {
	r, err := loadResolved(path, sets, sections...)
	if err != nil {
		return nil, err
	}
	return &r.Experiment, nil
}

// Read reads the experiment in a file that Marshal wrote. Neither the environment nor
// flags change it. Data settings and schedules that contradict other settings are not
// mistakes here: a program may have trained on its own images, and an earlier version
// may have accepted the schedule. Settings that did not exist when the file was written
// have the values of Default.
func Read(path string) (*Experiment, error) {
	k := newKeys()
	r, err := k.resolve(k.readChain(path), "model", "augment", "train", "optimizer", "runtime", "sweep")
	if err != nil {
		return nil, err
	}
	return &r.Experiment, nil
}

// LoadResolved is Load, and also returns where each setting was set.
func LoadResolved(path string, sets []string) (*Resolved, error) { return loadResolved(path, sets) }

// LoadBegun is LoadResolved for the configuration in the directory of a run or sweep that
// has begun. Settings that did not exist when it began have the values of Default, so that
// it continues as it began.
func LoadBegun(path string, sets []string) (*Resolved, error) {
	k := newKeys()
	return k.resolve(k.layers(path, sets))
}

func loadResolved(path string, sets []string, sections ...string) (*Resolved, error) {
	k := newKeys()
	r, err := k.resolve(k.layers(path, sets), sections...)
	if err != nil {
		return nil, err
	}
	r.followSource()
	r.followKind()
	r.Experiment.followRecipe()
	return r, nil
}

// followKind sets PyTorch's defaults of batch normalisation for resnet and mobilenet, which
// are usually trained with them: the running statistics move ten times as fast as with
// Keras's defaults.
func (r *Resolved) followKind() {
	b := &r.Experiment.Model.BatchNorm
	if k := r.Experiment.Model.Kind; k != KindResNet && k != KindMobileNet {
		return
	}
	if r.Origins["model.batchnorm.momentum"].Source == byDefault {
		b.Momentum = 0.9
	}
	if r.Origins["model.batchnorm.epsilon"].Source == byDefault {
		b.Epsilon = 1e-5
	}
}

// followSource makes recalibrated statistics the default for folders of photographs.
// Training on these is short: after few steps, Keras's running statistics consist mostly of
// their initial values, and corrected ones of statistics under parameters that have changed
// since. bench/folder has figures.
func (r *Resolved) followSource() {
	const key = "model.batchnorm.statistics"
	if r.Experiment.Data.Photographs() && r.Origins[key].Source == byDefault {
		r.Experiment.Model.BatchNorm.Statistics = StatisticsRecalibrated
	}
}

// followRecipe streams photographs if the recipe crops: every epoch then uses other parts of
// them, so it is not enough to keep pixels of one size in memory.
func (e *Experiment) followRecipe() {
	if e.Data.Photographs() && e.Data.Read == ReadAuto && e.Augment.Crops() {
		e.Data.Read = ReadStream
	}
}

// layers reads all sources of settings: files, environment and flags, in the order in
// which later values win.
func (k *keys) layers(path string, sets []string) []*reader {
	var layers []*reader
	if path != "" {
		layers = k.readChain(path)
	}
	layers = append(layers, k.readEnvironment(os.Environ()))
	for _, set := range sets {
		layers = append(layers, k.readSet(set))
	}
	return layers
}

// byDefault is the source of settings that nobody set.
const byDefault = "default"

// longestChain bounds how many files may extend each other.
const longestChain = 16

// readChain reads a file and those it extends, beginning with the one that extends no other.
func (k *keys) readChain(path string) []*reader {
	var chain []*reader
	var seen []string
	for {
		r := k.readFile(path)
		chain = append(chain, r)
		seen = append(seen, identity(path))
		if r.extends == "" {
			break
		}
		base := r.extends
		if !filepath.IsAbs(base) {
			base = filepath.Join(filepath.Dir(path), base)
		}
		if message := checkBase(base, seen); message != "" {
			r.failAt(r.extendsAt, "extends: %q %s", r.extends, message)
			break
		}
		path = base
	}
	slices.Reverse(chain)
	return chain
}

// checkBase says why the file base cannot be extended by a chain of the files seen, or
// returns "".
func checkBase(base string, seen []string) string {
	_, err := os.Stat(base)
	var cause *fs.PathError
	switch {
	case errors.As(err, &cause):
		return "cannot be read: " + cause.Err.Error()
	case slices.Contains(seen, identity(base)):
		return "leads back to a file that already extends this one"
	case len(seen) == longestChain:
		return fmt.Sprintf("makes more than %d files that extend each other", longestChain)
	}
	return ""
}

// identity returns the same path for all paths that lead to one file.
func identity(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// resolve merges the layers, where later layers override earlier ones, and checks that the
// settings in the sections do not contradict each other. Without sections it checks all of them.
func (k *keys) resolve(layers []*reader, sections ...string) (*Resolved, error) {
	var problems []Problem
	for _, layer := range layers {
		problems = append(problems, layer.problems...)
	}
	if len(problems) > 0 {
		return nil, asError(problems)
	}
	resolved := &Resolved{Origins: map[string]Origin{}}
	v := viper.New()
	k.setDefaults(v, resolved.Origins)
	for _, layer := range layers {
		flat := map[string]any{}
		for _, g := range layer.values {
			flat[g.key] = g.value
			resolved.Origins[g.key] = g.origin
		}
		if err := v.MergeConfigMap(nest(flat)); err != nil {
			return nil, fmt.Errorf("merge %s: %w", layer.source, err)
		}
	}
	k.fill(&resolved.Experiment, v)
	if resolved.Origins["model.classes"].Source == byDefault {
		resolved.Experiment.Model.Classes = 0
	}
	resolved.Experiment.settleClasses()
	found := resolved.Experiment.conflicts().within(sections)
	if len(sections) == 0 {
		resolved.Experiment.refuseOwn(found.add)
	}
	for _, c := range found {
		problems = append(problems, Problem{resolved.place(c), c.String()})
	}
	if len(problems) > 0 {
		return nil, asError(problems)
	}
	return resolved, nil
}

func (k *keys) setDefaults(v *viper.Viper, origins map[string]Origin) {
	defaults := Default()
	for i := range k.settings {
		s := &k.settings[i]
		v.SetDefault(s.key, s.get(&defaults))
		origins[s.key] = Origin{Source: byDefault}
	}
}

// fill copies the values from viper into e. The readers have given them the types of
// the fields, so that none is converted.
func (k *keys) fill(e *Experiment, v *viper.Viper) {
	for i := range k.settings {
		s := &k.settings[i]
		s.set(e, v.Get(s.key))
	}
	for _, key := range v.AllKeys() {
		rest, defined := strings.CutPrefix(key, definitions+".")
		if !defined {
			continue
		}
		if e.Sweep.Definitions == nil {
			e.Sweep.Definitions = map[string]Overlay{}
		}
		name, setting, _ := strings.Cut(rest, ".")
		if e.Sweep.Definitions[name] == nil {
			e.Sweep.Definitions[name] = Overlay{}
		}
		e.Sweep.Definitions[name][setting] = v.Get(key)
	}
}

// GivesSweep reports whether any setting of the sweep was set, so that the experiment is
// not just about a single run.
func (r *Resolved) GivesSweep() bool { return r.gives("sweep.") }

// GivesAny reports whether any setting was set, so that the experiment is not just
// Default.
func (r *Resolved) GivesAny() bool { return r.gives("") }

// gives reports whether any setting was set whose key has the prefix.
func (r *Resolved) gives(prefix string) bool {
	for key, origin := range r.Origins {
		if strings.HasPrefix(key, prefix) && origin.Source != byDefault {
			return true
		}
	}
	return false
}

// Place returns where a setting was set. It is empty if the setting has its default.
func (r *Resolved) Place(key string) Origin { return r.place(finding{key: key}) }

// PlaceInCell is Place for the cells of a condition of the sweep.
func (r *Resolved) PlaceInCell(condition, key string) Origin {
	return r.placeInCell(condition, finding{key: key, other: key})
}

// place returns where the first setting of a finding was set, or else the other one. For
// a nil Resolved, that of an experiment made in Go, it is empty.
func (r *Resolved) place(f finding) Origin {
	if r == nil {
		return Origin{}
	}
	return firstGiven(r.Origins[f.key], r.Origins[f.other])
}

// placeInCell is place for a cell of the sweep. There a setting may come from the
// definition of the condition, the list of conditions or the list of batch sizes.
func (r *Resolved) placeInCell(condition string, f finding) Origin {
	if r == nil {
		return Origin{}
	}
	at := func(key string) Origin {
		if origin, defined := r.Origins[definitions+"."+condition+"."+key]; defined {
			return origin
		}
		_, overlaid := r.Experiment.condition(condition)[key]
		switch {
		case overlaid:
			return r.Origins["sweep.conditions"]
		case key == "train.batch_size":
			return r.Origins["sweep.batch_sizes"]
		}
		return r.Origins[key]
	}
	return firstGiven(at(f.key), at(f.other))
}

// firstGiven returns the first origin that is not a default, or an empty one.
func firstGiven(origins ...Origin) Origin {
	for _, o := range origins {
		if o.Source != "" && o.Source != byDefault {
			return o
		}
	}
	return Origin{}
}

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
	// Origins is by full key, "train.epochs".
	Origins map[string]Origin
}

// Load reads the experiment in the file at path, which may build on others
// with "extends", then the environment (ONNXLAB_TRAIN_EPOCHS=3), then sets
// ("train.epochs=3"); later ones win. Without a path it starts from Default.
// Every mistake in any of them is reported at once, as an *Error.
func Load(path string, sets []string) (*Experiment, error) { return LoadFor(path, sets) }

// LoadFor is Load for what uses some sections alone: settings that do not go
// together are no mistake unless both are in these. Without any it is Load.
func LoadFor(path string, sets []string, sections ...string) (*Experiment, error) {
	r, err := loadResolved(path, sets, sections...)
	if err != nil {
		return nil, err
	}
	return &r.Experiment, nil
}

// Read reads the experiment in one file as it stands, for files that Marshal
// wrote: neither the environment nor flags change it. Data settings that do not
// go with others are no mistake in it, as a program may train on images of its own,
// nor is a schedule that does not, by which a network may have been trained before
// it was one. Settings that were not there yet when it was written have the values
// of Default.
func Read(path string) (*Experiment, error) {
	k := newKeys()
	r, err := k.resolve(k.readChain(path), "model", "augment", "train", "optimizer", "runtime", "sweep")
	if err != nil {
		return nil, err
	}
	return &r.Experiment, nil
}

// LoadResolved is Load that also tells where each setting was given.
func LoadResolved(path string, sets []string) (*Resolved, error) { return loadResolved(path, sets) }

// LoadBegun is LoadResolved for the configuration that a run or a sweep keeps of itself.
// Settings that were not there yet when it began have the values of Default, which are
// those that it began with.
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

// followKind fills in the defaults of batch normalisation that depend on the network: those
// of PyTorch, with which these networks are trained, move the running statistics ten times
// as fast as Keras's.
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

// followSource fills in the default that depends on where the images come from. Folders
// of photographs are small, and training on them is short. There Keras's running statistics
// are made of the values that they began with, and corrected ones of those of parameters
// long since changed: bench/folder has figures.
func (r *Resolved) followSource() {
	const key = "model.batchnorm.statistics"
	if r.Experiment.Data.Photographs() && r.Origins[key].Source == byDefault {
		r.Experiment.Model.BatchNorm.Statistics = StatisticsRecalibrated
	}
}

// followRecipe has photographs streamed of which each epoch takes other parts: pixels of one
// size that are kept in memory would not do.
func (e *Experiment) followRecipe() {
	if e.Data.Photographs() && e.Data.Read == ReadAuto && e.Augment.Crops() {
		e.Data.Read = ReadStream
	}
}

// layers reads all that gives settings, the weakest first.
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

// byDefault is the source of what nobody set.
const byDefault = "default"

// longestChain bounds how many files may extend each other.
const longestChain = 16

// readChain reads a file and those it extends, the deepest first.
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

// checkBase returns why a file cannot be extended after those seen, or "".
func checkBase(base string, seen []string) string {
	_, err := os.Stat(base)
	var cause *fs.PathError
	switch {
	case errors.As(err, &cause):
		return "cannot be read: " + cause.Err.Error()
	case slices.Contains(seen, identity(base)):
		return "leads back to a file that is extended by it"
	case len(seen) == longestChain:
		return fmt.Sprintf("makes more than %d files that extend each other", longestChain)
	}
	return ""
}

// identity tells files apart whatever path leads to them.
func identity(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// resolve lets the layers override each other, and checks what comes out: what
// goes together within the sections, or without any within all.
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

// fill copies what viper resolved into e. The values have the fields' types
// since reading, so nothing is coerced.
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

// GivesSweep reports whether the sweep was given by somebody, and is not just
// the default of an experiment about a single run.
func (r *Resolved) GivesSweep() bool { return r.gives("sweep.") }

// GivesAny reports whether anything was given by somebody, and the experiment
// is not just Default.
func (r *Resolved) GivesAny() bool { return r.gives("") }

// gives reports whether a setting whose key starts so was given.
func (r *Resolved) gives(prefix string) bool {
	for key, origin := range r.Origins {
		if strings.HasPrefix(key, prefix) && origin.Source != byDefault {
			return true
		}
	}
	return false
}

// place is where the settings of a finding were given: the other one if nobody wrote
// the first. A nil Resolved, of an experiment that was made in Go, has no places.
func (r *Resolved) place(f finding) Origin {
	if r == nil {
		return Origin{}
	}
	return firstGiven(r.Origins[f.key], r.Origins[f.other])
}

// placeInCell is place in a cell of the sweep, where a setting is given by the
// condition's definition, the list of conditions or that of batch sizes, if by one.
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

// firstGiven is the origin that somebody wrote, or none.
func firstGiven(origins ...Origin) Origin {
	for _, o := range origins {
		if o.Source != "" && o.Source != byDefault {
			return o
		}
	}
	return Origin{}
}

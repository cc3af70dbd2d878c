package configs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Overlay is what a condition changes in an experiment: settings by their
// full key ("augment.recipe"), each of the type of its field.
type Overlay map[string]any

// overlaySections are the sections that may differ between conditions.
func overlaySections() []string {
	return []string{"model", "augment", "train", "optimizer", "schedule"}
}

// overlayAllows reports whether a condition may set a key or section. The
// batch size is the sweep's other axis.
func overlayAllows(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	return slices.Contains(overlaySections(), section) && key != "train.batch_size"
}

// MarshalYAML nests the settings as they are written in a file.
func (o Overlay) MarshalYAML() (any, error) { return nest(o), nil }

// MarshalJSON nests the settings as they are written in a file.
func (o Overlay) MarshalJSON() ([]byte, error) { return json.Marshal(nest(o)) }

// nest makes {"a.b": 1} into {"a": {"b": 1}}.
func nest(flat map[string]any) map[string]any {
	nested := map[string]any{}
	for key, value := range flat {
		at := nested
		parts := strings.Split(key, ".")
		for _, part := range parts[:len(parts)-1] {
			below, ok := at[part].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[part] = below
			}
			at = below
		}
		at[parts[len(parts)-1]] = value
	}
	return nested
}

// builtin returns what a built-in condition changes in a run of that many epochs,
// or nil for another name. "warmup" is "medium" with a warmup (Goyal et al. 2017,
// section 2.2): at each of the steps of 5 epochs, or of a shorter run's epochs, the
// rate rises from the unscaled to the scaled one. The other conditions have no
// warmup, even if the experiment has one. Remedies also start from "medium".
func builtin(name string, epochs int) Overlay {
	if change := remedy(name); change != nil {
		maps.Copy(change, builtin("medium", epochs))
		return change
	}
	recipe, warmup := name, 0
	switch name {
	case "none", "medium", "strong":
	case "shift-only":
		recipe = "shift"
	case "warmup":
		recipe, warmup = "medium", min(5, epochs)
	default:
		return nil
	}
	return Overlay{
		"augment.recipe":         recipe,
		"schedule.warmup_epochs": warmup,
		"schedule.warmup_by":     "step",
	}
}

// condition returns the overlay with this name, or nil if there is none. A definition
// with a built-in name replaces the built-in condition: a sweep of few epochs, for
// example, needs a shorter warmup.
func (e *Experiment) condition(name string) Overlay {
	given, inbuilt := e.Sweep.Definitions[name], builtin(name, e.Train.Epochs)
	switch {
	case given == nil:
		return inbuilt
	case inbuilt == nil:
		return given
	}
	return given.shortened(e.Train.Epochs)
}

// shortened returns the overlay with a warmup of at most that many epochs, as built-in conditions
// have it, so that a sweep can be tried with fewer epochs. A definition with epochs of its own
// stays as it is.
func (o Overlay) shortened(epochs int) Overlay {
	warmup, ok := o["schedule.warmup_epochs"].(int)
	if _, own := o["train.epochs"]; own || !ok || warmup <= epochs {
		return o
	}
	o = maps.Clone(o)
	o["schedule.warmup_epochs"] = epochs
	return o
}

// Cell returns a single run of a sweep: the experiment under the named
// condition, at batchSize, with seed. The name is one of Sweep.Definitions or
// of Conditions. The Sweep of the result names only this condition, batch size
// and seed. The error is an *Error, also if the settings contradict each other,
// such as replicas that do not divide the batch size.
func (e Experiment) Cell(condition string, batchSize int, seed uint64) (Experiment, error) {
	cell, err := e.overlaid(condition, batchSize, seed)
	if err != nil {
		return Experiment{}, err
	}
	if problems := cellProblems(&cell, nil); len(problems) > 0 {
		return Experiment{}, asError(problems)
	}
	return cell, nil
}

// overlaid is Cell without the check of the result.
func (e *Experiment) overlaid(condition string, batchSize int, seed uint64) (Experiment, error) {
	overlay := e.condition(condition)
	if overlay == nil {
		return Experiment{}, mistake("sweep.conditions: %s", e.unknownCondition(condition))
	}
	cell := e.clone()
	if err := overlay.apply(&cell, condition); err != nil {
		return Experiment{}, err
	}
	cell.settleClasses()
	cell.Train.BatchSize = batchSize
	cell.Seed = seed
	cell.Sweep = Sweep{Conditions: []string{condition}, BatchSizes: []int{batchSize}, Seeds: []uint64{seed}}
	if e.Sweep.Definitions[condition] != nil {
		cell.Sweep.Definitions = map[string]Overlay{condition: overlay}
	}
	return cell, nil
}

// Cells returns every run of the sweep, sorted by condition, then batch size, then
// seed. The *Error names every cell that cannot be run, but a problem that all
// seeds share only once.
func (e Experiment) Cells() ([]Experiment, error) { return e.cells(nil) }

// Cells is Experiment.Cells with the origin of the setting in each Problem.
func (r *Resolved) Cells() ([]Experiment, error) { return r.Experiment.cells(r) }

// cells returns the runs of the sweep. If r is not nil, problems have the origins of
// the settings.
func (e *Experiment) cells(r *Resolved) ([]Experiment, error) {
	var cells []Experiment
	var problems []Problem
	for _, condition := range e.Sweep.Conditions {
		for _, batchSize := range e.Sweep.BatchSizes {
			for i, seed := range e.Sweep.Seeds {
				cell, err := e.overlaid(condition, batchSize, seed)
				var wrong *Error
				switch {
				case i > 0:
				case errors.As(err, &wrong):
					problems = append(problems, wrong.Problems...)
				default:
					problems = append(problems, cellProblems(&cell, r)...)
				}
				cells = append(cells, cell)
			}
		}
	}
	if len(problems) > 0 {
		return nil, asError(problems)
	}
	return cells, nil
}

// cellProblems returns what is wrong with a cell. Each message names the cell.
func cellProblems(cell *Experiment, r *Resolved) []Problem {
	condition := cell.Sweep.Conditions[0]
	var problems []Problem
	for _, f := range cell.mistakes() {
		message := fmt.Sprintf("condition %s at batch size %d: %s", condition, cell.Train.BatchSize, f)
		for _, key := range []string{f.key, f.other} {
			if _, set := builtin(condition, 1)[key]; set && cell.Sweep.Definitions == nil {
				message += fmt.Sprintf(" (the condition %s sets %s: define it differently in %s.%s)", condition, key, definitions, condition)
				break
			}
		}
		problems = append(problems, Problem{r.placeInCell(condition, f), message})
	}
	return problems
}

// apply writes the overlay's settings to e.
func (o Overlay) apply(e *Experiment, condition string) error {
	if recipe, other := o["augment.recipe"]; other && recipe != "custom" {
		e.Augment.Operations = nil // they belong to the recipe "custom"
	}
	k := newKeys()
	for _, key := range slices.Sorted(maps.Keys(o)) {
		s, value := k.byKey[key], o[key]
		if s == nil || !overlayAllows(key) || reflect.TypeOf(value) != s.typ {
			return mistake("%s.%s: a condition cannot set %q to %v (%T)", definitions, condition, key, value, value)
		}
		s.set(e, value)
	}
	return nil
}

// mistake returns an *Error of one problem without an origin.
func mistake(format string, args ...any) error {
	return asError([]Problem{{Message: fmt.Sprintf(format, args...)}})
}

// clone copies e and its lists, so that changing the copy does not change e.
func (e *Experiment) clone() Experiment {
	c := *e
	for _, s := range newKeys().settings {
		s.set(&c, s.get(e))
	}
	return c
}

func (e *Experiment) unknownCondition(name string) string {
	known := Conditions()
	for _, defined := range slices.Sorted(maps.Keys(e.Sweep.Definitions)) {
		if !slices.Contains(known, defined) { // it may replace a built-in one
			known = append(known, defined)
		}
	}
	if near := closest(name, known); near != "" {
		return fmt.Sprintf("unknown condition %q (did you mean %q?)", name, near)
	}
	return fmt.Sprintf("unknown condition %q (known: %s)", name, strings.Join(known, ", "))
}

package configs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Marshal writes an experiment as YAML, with every setting in the documented order,
// as in a run directory. It leaves out settings that the kind of network does not
// have, if they have their defaults, and the sweep if it is the default, since most
// experiments are single runs. Load returns an equal experiment.
func Marshal(e Experiment) ([]byte, error) {
	single := reflect.DeepEqual(e.Sweep, Default().Sweep)
	omit := func(key string) bool { return single && strings.HasPrefix(key, "sweep.") }
	return marshal(&e, omit, noComment)
}

// MarshalSweep is Marshal, but always with the sweep, as in the directory of a sweep.
func MarshalSweep(e Experiment) ([]byte, error) {
	return marshal(&e, omitNothing, noComment)
}

// MarshalIn is Marshal for a file in the folder dir, which must exist. The file's relative paths
// stay valid in other working folders: see RelativeTo.
func MarshalIn(dir string, e Experiment) ([]byte, error) { return marshalIn(dir, e, Marshal) }

// MarshalSweepIn is MarshalIn, but always with the sweep.
func MarshalSweepIn(dir string, e Experiment) ([]byte, error) {
	return marshalIn(dir, e, MarshalSweep)
}

func marshalIn(dir string, e Experiment, marshal func(Experiment) ([]byte, error)) ([]byte, error) {
	moved, head, err := e.RelativeTo(dir)
	if err != nil {
		return nil, err
	}
	text, err := marshal(moved)
	return append([]byte(head), text...), err
}

// MarshalWithOrigins is Marshal with a comment after each setting that says
// where it was given.
func (r *Resolved) MarshalWithOrigins() ([]byte, error) {
	return marshal(&r.Experiment, omitNothing, func(key string) string { return r.Origins[key].String() })
}

func omitNothing(string) bool { return false }

func noComment(string) string { return "" }

// marshal writes the settings of e except those to omit, each followed by its comment,
// if that is not empty.
func marshal(e *Experiment, omit func(key string) bool, comment func(key string) string) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	keys := newKeys()
	for _, v := range e.Values() {
		list, operations := v.Value.([]Operation)
		s := keys.byKey[v.Key] // nil for settings of a condition
		if omit(v.Key) || operations && len(list) == 0 || s != nil && !s.appliesTo(e) && s.isDefault(e) {
			continue
		}
		if err := put(root, v.Key, v.Value, comment(v.Key)); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return out.Bytes(), nil
}

// Value is one setting of an experiment.
type Value struct {
	// Key is "section.key", or "sweep.definitions.<name>.<section>.<key>" for a setting
	// of a condition that the experiment defines.
	Key string
	// Value has the type of the setting's field in Experiment.
	Value any
}

// Values lists all settings of e in the documented order, then the settings of the
// conditions that e defines.
func (e Experiment) Values() []Value {
	var list []Value
	for _, s := range newKeys().settings {
		list = append(list, Value{s.key, s.get(&e)})
	}
	for _, name := range slices.Sorted(maps.Keys(e.Sweep.Definitions)) {
		overlay := e.Sweep.Definitions[name]
		for _, key := range slices.Sorted(maps.Keys(overlay)) {
			list = append(list, Value{definitions + "." + name + "." + key, overlay[key]})
		}
	}
	return list
}

// put adds a setting below the sections that its key names.
func put(mapping *yaml.Node, key string, value any, comment string) error {
	name, rest, nested := strings.Cut(key, ".")
	if nested {
		return put(sectionNode(mapping, name), rest, value, comment)
	}
	node := &yaml.Node{}
	if err := node.Encode(value); err != nil {
		return fmt.Errorf("write %q: %w", key, err)
	}
	if node.Kind == yaml.SequenceNode {
		node.Style = yaml.FlowStyle
	}
	node.LineComment = comment
	mapping.Content = append(mapping.Content, keyNode(name), node)
	return nil
}

// sectionNode finds or adds the section called name.
func sectionNode(mapping *yaml.Node, name string) *yaml.Node {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	section := &yaml.Node{Kind: yaml.MappingNode}
	mapping.Content = append(mapping.Content, keyNode(name), section)
	return section
}

// keyNode returns a key that the encoder quotes if YAML would read the plain name as
// something other than a string.
func keyNode(name string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(name)
	return n
}

// Hash identifies the settings on which the trained weights depend: two runs of
// experiments with the same hash on the same data train the same model. It is 64
// hexadecimal digits. It leaves out the name, paths, how often checkpoints are
// written, the sweep, and settings that have no effect on this device or with this
// kind of network. The images are not part of it; a data set has its own hash.
func (e Experiment) Hash() string {
	var text strings.Builder
	for _, s := range newKeys().settings {
		if s.decides(&e) {
			fmt.Fprintf(&text, "%s=%v\n", s.key, s.get(&e))
		}
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:])
}

// Difference is one setting in which two experiments differ.
type Difference struct {
	Key  string
	A, B any
}

// String says what the setting was and what it is.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %v became %v", d.Key, d.A, d.B)
}

// Diff lists the settings in which a and b differ and on which the trained weights
// depend, in the documented order. It is empty exactly if the hashes are equal.
func Diff(a, b Experiment) []Difference {
	var differences []Difference
	for _, s := range newKeys().settings {
		x, y := s.get(&a), s.get(&b)
		if (s.decides(&a) || s.decides(&b)) && !equal(x, y) {
			differences = append(differences, Difference{s.key, x, y})
		}
	}
	return differences
}

// equal reports whether two settings are equal. An empty list equals nil.
func equal(x, y any) bool {
	v, w := reflect.ValueOf(x), reflect.ValueOf(y)
	if v.Kind() == reflect.Slice && v.Len() == 0 && w.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(x, y)
}

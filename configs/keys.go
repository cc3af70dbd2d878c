package configs

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// setting is one key of an experiment, with its rule and the index and type of its
// field in Experiment.
type setting struct {
	rule
	index []int // for reflect's FieldByIndex
	typ   reflect.Type
}

// definitions is the one key below which users name their own keys.
const definitions = "sweep.definitions"

// keys are all settings of an experiment, in the order they are written.
type keys struct {
	settings []setting
	byKey    map[string]*setting
	sections map[string]bool
}

// newKeys joins the table of rules with the fields of Experiment. A test checks
// that every field has a rule and every rule a field.
func newKeys() *keys {
	k := &keys{byKey: map[string]*setting{}, sections: map[string]bool{}}
	for _, r := range rules() {
		index, typ := fieldOf(r.key)
		k.settings = append(k.settings, setting{rule: r, index: index, typ: typ})
	}
	for i := range k.settings {
		s := &k.settings[i]
		k.byKey[s.key] = s
		for i, c := range s.key {
			if c == '.' {
				k.sections[s.key[:i]] = true
			}
		}
	}
	return k
}

// Keys lists the settings as "section.key", in the order they are written.
func Keys() []string {
	var list []string
	for _, r := range rules() {
		list = append(list, r.key)
	}
	return list
}

// Choices lists the words that a setting accepts. It is nil for numbers, free text and
// unknown keys.
func Choices(key string) []string {
	for _, r := range rules() {
		if r.key == key {
			return r.names
		}
	}
	return nil
}

// fieldOf finds the field of Experiment that key names.
func fieldOf(key string) ([]int, reflect.Type) {
	typ := reflect.TypeFor[Experiment]()
	var index []int
	for part := range strings.SplitSeq(key, ".") {
		for i := range typ.NumField() {
			if tag, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ","); tag == part {
				index, typ = append(index, i), typ.Field(i).Type
				break
			}
		}
	}
	return index, typ
}

// get reads the setting from e.
func (s *setting) get(e *Experiment) any {
	return reflect.ValueOf(e).Elem().FieldByIndex(s.index).Interface()
}

// set writes the setting to e. Lists are copied, so that experiments share
// no memory.
func (s *setting) set(e *Experiment, value any) {
	reflect.ValueOf(e).Elem().FieldByIndex(s.index).Set(reflect.ValueOf(clone(value)))
}

// clone copies lists and hands on everything else.
func clone(value any) any {
	switch list := value.(type) {
	case []int:
		return slices.Clone(list)
	case []uint64:
		return slices.Clone(list)
	case []float64:
		return slices.Clone(list)
	case []string:
		return slices.Clone(list)
	case []Operation:
		operations := slices.Clone(list)
		for i := range operations {
			operations[i].Ranges = maps.Clone(operations[i].Ranges)
		}
		return operations
	}
	return value
}

// names lists the keys in a section ("" is the top level), without the section's name.
func (k *keys) names(section string) []string {
	var names []string
	prefix := ""
	if section != "" {
		prefix = section + "."
	}
	for i := range k.settings {
		rest, within := strings.CutPrefix(k.settings[i].key, prefix)
		name, _, _ := strings.Cut(rest, ".")
		if within && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch section {
	case "":
		names = append(names, "extends", relativeTo)
	case "sweep":
		names = append(names, "definitions")
	}
	return names
}

// nearest returns the full key that the writer of an unknown key most likely meant, or
// "" if no key is similar.
func (k *keys) nearest(section, name string) string {
	prefix := ""
	if section != "" {
		prefix = section + "."
	}
	if near := closest(name, k.names(section)); near != "" {
		return prefix + near
	}
	// The name may be right but in the wrong section. If several sections have it, take
	// the outermost.
	found := ""
	for i := range k.settings {
		key := k.settings[i].key
		dot := strings.LastIndexByte(key, '.')
		if dot >= 0 && strings.EqualFold(key[dot+1:], name) && (found == "" || strings.Count(key, ".") < strings.Count(found, ".")) {
			found = key
		}
	}
	return found
}

// closest returns the candidate with the smallest edit distance to name, or "" if more
// than a third of every candidate's letters differ.
func closest(name string, candidates []string) string {
	best, bestEdits := "", 0
	lower := strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	for _, candidate := range candidates {
		plain := strings.ReplaceAll(candidate, "-", "_")
		edits := editDistance(lower, strings.ToLower(plain))
		if edits <= max(1, len(candidate)/3) && (best == "" || edits < bestEdits) {
			best, bestEdits = candidate, edits
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment). Long texts, which
// nobody mistyped for a key, are not compared.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"onnxlab/internal/durable"
)

const (
	// longestFile is far above any experiment, and small enough to parse in
	// well under a second.
	longestFile = 256 << 10
	// maxNodes bounds the number of settings that are read, since nested aliases can
	// repeat a section very many times.
	maxNodes = 100_000
)

// given is one value that a source sets.
type given struct {
	key    string
	value  any
	origin Origin
	// path says that the value is the path of a file or folder.
	path bool
}

// reader collects the values that one source (a file, the environment or a --set) sets,
// and everything that is wrong with them.
type reader struct {
	keys     *keys
	source   string
	values   []given
	problems []Problem
	// extends is the file that this one builds on, "" for none.
	extends   string
	extendsAt Origin
	// relativeTo is the folder that relative paths in this file are relative to, itself
	// relative to the file; "" for the working folder.
	relativeTo string
	nodes      int
}

// fail records a problem with a node.
func (r *reader) fail(n *yaml.Node, format string, args ...any) { r.failAt(r.at(n), format, args...) }

// failAt records a problem at an origin.
func (r *reader) failAt(origin Origin, format string, args ...any) {
	r.problems = append(r.problems, Problem{origin, fmt.Sprintf(format, args...)})
}

func (r *reader) at(n *yaml.Node) Origin {
	return Origin{Source: r.source, Line: n.Line, Column: n.Column}
}

// readFile reads the settings of one file.
func (k *keys) readFile(path string) *reader {
	r := &reader{keys: k, source: path}
	data, err := readBounded(path)
	if err != nil {
		r.failAt(Origin{Source: path}, "%v", err)
		return r
	}
	r.document(data)
	return r
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", errors.Unwrap(err))
	}
	if info.IsDir() {
		return nil, errors.New("is a directory, not a file of settings")
	}
	// Reading a pipe or a device might never end, and could not be interrupted.
	file, err := durable.OpenPlain(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", errors.Unwrap(err))
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, longestFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(data) > longestFile {
		return nil, fmt.Errorf("is longer than %d bytes, which no experiment needs", longestFile)
	}
	return data, nil
}

// document reads one YAML document. Anything else in the file is a problem.
func (r *reader) document(data []byte) {
	if data = r.directives(data); len(r.problems) > 0 {
		return
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, next yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		r.failAt(Origin{Source: r.source}, "is empty: write at least one setting, or leave the file out for the defaults")
		return
	case err != nil:
		r.syntax(data, err)
		return
	}
	switch err := decoder.Decode(&next); {
	case err == nil:
		r.fail(&next, "a second document starts here: an experiment is one document")
		return
	case !errors.Is(err, io.EOF):
		r.syntax(data, err)
		return
	}
	top := resolve(root.Content[0])
	if top.Kind != yaml.MappingNode {
		r.fail(top, "%s is not an experiment: write settings as name: value", describe(top))
		return
	}
	r.section(top, "", "", nil)
	r.rebase()
}

var (
	syntaxLine = regexp.MustCompile(`line (\d+): (.*)`)
	tabIndent  = regexp.MustCompile(`^ *\t\s*\S`)
)

// syntax records an error of the YAML parser, with the file, which the parser does not
// know. It replaces the parser's messages about tabs and about directives, which do not
// explain the mistake.
func (r *reader) syntax(data []byte, err error) {
	origin := Origin{Source: r.source}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := syntaxLine.FindStringSubmatch(message); m != nil {
		origin.Line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	directive := message == "found incompatible YAML document" // directives before the first document are gone by now
	for i, line := range strings.Split(string(data), "\n") {
		if tabIndent.MatchString(line) {
			origin = Origin{r.source, i + 1, strings.IndexByte(line, '\t') + 1}
			message = "a tab in the indentation: YAML is indented with spaces"
			break
		}
		if directive && strings.HasPrefix(line, "%YAML") {
			origin = Origin{r.source, i + 1, 1}
			message = "a second document starts here: an experiment is one document"
			break
		}
	}
	r.failAt(origin, "%s", message)
}

// section reads a mapping. section is its name in the table of keys. Within the
// definition of a condition, prefix comes before the keys, and allowed reports which keys
// the definition may set; elsewhere they are "" and nil.
func (r *reader) section(mapping *yaml.Node, section, prefix string, allowed func(key string) bool) {
	seen := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], mapping.Content[i+1]
		if r.nodes++; r.nodes > maxNodes {
			r.fail(name, "aliases repeat more than %d settings", maxNodes)
			return
		}
		key := name.Value
		if section != "" {
			key = section + "." + name.Value
		}
		if line, again := seen[name.Value]; again {
			r.fail(name, "duplicate key %q: it is already on line %d", key, line)
			continue
		}
		seen[name.Value] = name.Line
		switch setting := r.keys.byKey[key]; {
		case name.Kind != yaml.ScalarNode:
			r.fail(name, "a key is not a word")
		case setting != nil && (allowed == nil || allowed(key)):
			r.setting(setting, prefix, value)
		case r.keys.sections[key] && (allowed == nil || allowed(key)):
			r.subsection(key, prefix, value, allowed)
		case allowed != nil && (setting != nil || r.keys.sections[key]):
			r.fail(name, "%s cannot differ between conditions; a condition sets %s", key, strings.Join(overlaySections(), ", "))
		case key == definitions && prefix == "":
			r.definitions(value)
		case key == "extends" && prefix == "":
			r.extends, r.extendsAt = r.path(key, value), r.at(value)
		case key == relativeTo && prefix == "":
			r.relativeTo = r.path(key, value)
		default:
			r.unknown(name, section, prefix)
		}
	}
}

// shorthands are the settings that a single word in the place of a section sets, as in
// "batchnorm: freeze".
var shorthands = map[string]string{"model.batchnorm": "model.batchnorm.mode"}

func (r *reader) subsection(key, prefix string, value *yaml.Node, allowed func(string) bool) {
	mapping := resolve(value)
	switch {
	case mapping.Kind == yaml.ScalarNode && mapping.ShortTag() == "!!str" && shorthands[key] != "":
		r.setting(r.keys.byKey[shorthands[key]], prefix, value)
	case mapping.Kind == yaml.MappingNode:
		r.section(mapping, key, prefix, allowed)
	case mapping.Kind == yaml.ScalarNode && mapping.ShortTag() == "!!null":
		// All settings of the section may be commented out.
	default:
		r.fail(value, "%s: %s is not a section: indent its settings below it", key, describe(value))
	}
}

func (r *reader) setting(s *setting, prefix string, n *yaml.Node) {
	value, faults := s.value(n)
	for _, f := range faults {
		r.fail(f.node, "%s%s: %s", prefix, s.key, f.message)
	}
	if len(faults) == 0 {
		r.values = append(r.values, given{prefix + s.key, value, r.at(n), s.path})
	}
}

// path reads the path that the file names under "extends" or "relative_to".
func (r *reader) path(key string, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || n.Value == "" {
		r.fail(n, "%s: %s is not a path", key, describe(n))
		return ""
	}
	return n.Value
}

func (r *reader) unknown(name *yaml.Node, section, prefix string) {
	key := name.Value
	if section != "" {
		key = section + "." + name.Value
	}
	if name.Value == "<<" {
		r.fail(name, "merge keys are not supported: use extends to build on another file")
		return
	}
	hint := ""
	if len(r.problems) < MostShown { // it takes a while
		hint = r.keys.hint(section, name.Value)
	}
	r.fail(name, "unknown key %q%s", prefix+shorten(key), hint)
}

// hint returns the end of the message about an unknown key: the key that was probably
// meant, or else all keys of the section.
func (k *keys) hint(section, name string) string {
	if near := k.nearest(section, name); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return fmt.Sprintf(" (known: %s)", strings.Join(k.names(section), ", "))
}

// conditionName matches the names that a condition may have. Directories are named
// after conditions.
var conditionName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// definitions reads the conditions that a user adds.
func (r *reader) definitions(n *yaml.Node) {
	mapping := resolve(n)
	if mapping.Kind != yaml.MappingNode {
		r.fail(n, "%s: %s is not a section of conditions", definitions, describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], mapping.Content[i+1]
		line, again := seen[name.Value]
		seen[name.Value] = name.Line
		body := resolve(value)
		switch {
		case name.Kind != yaml.ScalarNode || !conditionName.MatchString(name.Value):
			r.fail(name, "%s: %q is not a name of up to 64 characters a-z, 0-9, - and _", definitions, shorten(name.Value))
		case again:
			r.fail(name, "duplicate key %q: it is already on line %d", definitions+"."+name.Value, line)
		case body.Kind != yaml.MappingNode || len(body.Content) == 0:
			r.fail(value, "%s.%s: %s changes nothing: write the settings that differ", definitions, name.Value, describe(value))
		default:
			r.section(body, "", definitions+"."+name.Value+".", overlayAllows)
		}
	}
}

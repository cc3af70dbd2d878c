package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// envPrefix starts every environment variable that sets something.
const envPrefix = "ONNXLAB_"

// notSettings lists variables that have the prefix but are no settings: other packages
// read them.
func notSettings() []string { return []string{"ONNXLAB_ORT_LIBRARY", "ONNXLAB_JPEG_LIBRARY"} }

// variable returns the name of the environment variable that sets a key.
func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// readEnvironment reads the settings among "NAME=value" pairs. An empty
// variable counts as unset, as for viper.
func (k *keys) readEnvironment(environ []string) *reader {
	r := &reader{keys: k, source: "environment"}
	byVariable := map[string]*setting{}
	names := notSettings()
	for i := range k.settings {
		name := variable(k.settings[i].key)
		byVariable[name] = &k.settings[i]
		names = append(names, name)
	}
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if text == "" || !strings.HasPrefix(strings.ToUpper(name), envPrefix) || slices.Contains(notSettings(), name) {
			continue
		}
		if s := byVariable[name]; s != nil {
			r.override(s, s.key, Origin{Source: pair}, text)
			continue
		}
		hint := fmt.Sprintf(" (the variable of section.key is %sSECTION_KEY)", envPrefix)
		if near := closest(name, names); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", near)
		}
		r.failAt(Origin{Source: pair}, "unknown variable %s%s: unset it", name, hint)
	}
	return r
}

// readSet reads one "section.key=value".
func (k *keys) readSet(set string) *reader {
	r := &reader{keys: k, source: "--set " + set}
	origin := Origin{Source: r.source}
	fail := func(format string, args ...any) *reader {
		r.failAt(origin, format, args...)
		return r
	}
	key, text, found := strings.Cut(set, "=")
	if !found {
		return fail("has no value: write --set section.key=value")
	}
	if long := shorthands[key]; long != "" && text != "" {
		key = long
	}
	if s := k.byKey[key]; s != nil {
		r.override(s, key, origin, text)
		return r
	}
	if rest, ok := strings.CutPrefix(key, definitions+"."); ok {
		name, settingKey, _ := strings.Cut(rest, ".")
		if s := k.byKey[settingKey]; s != nil && overlayAllows(settingKey) && conditionName.MatchString(name) {
			r.override(s, key, origin, text)
			return r
		}
		return fail("%q is not %s.name.section.key", key, definitions)
	}
	if k.sections[key] {
		return fail("%s is a section: set one of %s", key, strings.Join(k.names(key), ", "))
	}
	if dot := strings.LastIndexByte(key, '.'); dot >= 0 && k.sections[key[:dot]] {
		return fail("unknown key %q%s", key, k.hint(key[:dot], key[dot+1:]))
	}
	if near := closest(key, Keys()); near != "" {
		return fail("unknown key %q (did you mean %q?)", key, near)
	}
	return fail("unknown key %q%s", key, k.hint("", key))
}

// override reads the value of a variable or of --set as YAML. As it is unambiguous, a
// list may leave out its brackets, and text its quotes, so that a path needs no quotes
// inside those of the shell.
func (r *reader) override(s *setting, key string, origin Origin, text string) {
	fail := func(message string) {
		r.failAt(origin, "%s: %s", key, message)
	}
	if len(text) > longestFile {
		fail(fmt.Sprintf("%d bytes are more than %d", len(text), longestFile))
		return
	}
	quoted := strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "'")
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if s.typ.Kind() != reflect.String || quoted {
		bare := strings.TrimSpace(text)
		bracketed := strings.HasPrefix(bare, "[") || s.pairs && strings.HasPrefix(bare, "{")
		if s.typ.Kind() == reflect.Slice && !bracketed {
			text = "[" + text + "]"
		}
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			fail(strings.TrimPrefix(err.Error(), "yaml: "))
			return
		}
		n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
		if len(document.Content) == 1 {
			n = document.Content[0]
		}
	}
	value, faults := s.value(n)
	for _, f := range faults {
		fail(f.message)
	}
	if len(faults) == 0 {
		r.values = append(r.values, given{key: key, value: value, origin: origin})
	}
}

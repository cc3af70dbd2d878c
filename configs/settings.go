package configs

import (
	"fmt"
	"reflect"
	"strings"
)

// SettingsPage returns a page in Markdown that lists every setting with its default, what
// it accepts and what it means. It is made from the table of rules that Load checks.
func SettingsPage() string {
	var b strings.Builder
	b.WriteString(settingsHead)
	defaults := Default()
	section := "?"
	for _, s := range newKeys().settings {
		if in := sectionOf(s.key); in != section {
			section = in
			b.WriteString("\n" + heading(section) + "\n\n| setting | default | accepts | what it does |\n|---|---|---|---|\n")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.key, s.defaultText(&defaults), cell(s.accepted()), cell(s.doc))
	}
	return b.String()
}

const settingsHead = `# Settings

Every setting that an experiment can have. This page is made from the table that the program itself checks
experiments with (` + "`configs/rules.go`" + `). After a change to the table, write the page again:

    go run ./pipeline config schema --markdown > docs/settings.md

A file sets what differs from the defaults, or from the file that it names under ` + "`extends`" + `:

    extends: study.yaml        # relative to this file
    train: {epochs: 20, batch_size: 256}

Relative paths in a file, such as ` + "`data.path`" + `, are relative to the folder that it names under ` + "`relative_to`" + `, or else to
the working folder. The config.yaml of a run or a sweep names its own folder, so that the run goes on from any working folder:

    relative_to: .             # relative to this file
    data: {source: folder, path: ../../photos}

The environment (` + "`ONNXLAB_TRAIN_EPOCHS=20`" + `) overrides the file, and ` + "`--set train.epochs=20`" + ` overrides both.
` + "`pipeline config show --config FILE`" + ` prints the result, and where each value was given.

` + "`sweep.definitions`" + ` is not in the tables: below it, each name is a further condition of the sweep, with the settings
that it changes in the sections model, augment, train, optimizer and schedule (but not ` + "`train.batch_size`" + `).
`

// sectionOf returns the outermost section of a setting; "" if it is in none.
func sectionOf(key string) string {
	section, _, nested := strings.Cut(key, ".")
	if !nested {
		return ""
	}
	return section
}

func heading(section string) string {
	if section == "" {
		return "## Top level"
	}
	return "## " + section
}

// cell escapes text for a cell of a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// defaultText returns the setting's default in the form of YAML.
func (s *setting) defaultText(defaults *Experiment) string {
	value := reflect.ValueOf(s.get(defaults))
	switch {
	case s.key == "model.classes":
		return "`0`" // loading takes it from the data, but Default does not
	case value.Kind() == reflect.String && value.Len() == 0:
		return "empty"
	case value.Kind() != reflect.Slice:
		return fmt.Sprintf("`%v`", value)
	}
	items := make([]string, value.Len())
	for i := range items {
		items[i] = fmt.Sprint(value.Index(i))
	}
	return "`[" + strings.Join(items, ", ") + "]`"
}

// accepted says in words what the setting accepts.
func (s *setting) accepted() string {
	if s.typ.Kind() != reflect.Slice {
		return s.acceptedOf(s.typ)
	}
	text := "a list of " + s.acceptedOf(s.typ.Elem())
	if s.pairs {
		return fmt.Sprintf("a list of `PATTERN=FACTOR`, or a section of `PATTERN: FACTOR`; factors 0..%d", maxFactor)
	}
	switch {
	case s.ascending:
		text += ", ascending"
	case s.distinct:
		text += ", each once"
	}
	if s.shortest > 0 {
		text += fmt.Sprintf("; at least %d", s.shortest)
	}
	return text
}

// acceptedOf says what values of the type the setting accepts.
func (s *setting) acceptedOf(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.Bool:
		return "`true`, `false`"
	case reflect.String:
		if s.names == nil {
			return "text"
		}
		return "`" + strings.Join(s.names, "`, `") + "`"
	case reflect.Int, reflect.Uint64:
		return "whole numbers " + s.interval()
	case reflect.Float64:
		return "numbers " + s.interval()
	}
	return "operations, such as `{kind: rotation, degrees: 10}`"
}

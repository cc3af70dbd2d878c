package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"onnxlab/configs"
	"onnxlab/internal/printable"
)

// Setting is a setting in which the compared directories differ.
type Setting struct {
	// Key is "section.key" as in a configuration, "--from" for the origin of the initial
	// parameters, or "images" for the SHA-256 of the data.
	Key string `json:"setting"`
	// Values has the value in each directory, in order. It is nil if the directory has no
	// such setting, for example because its sweep lacks the condition, or has no
	// configuration.
	Values []any `json:"values"`
}

// settings are the settings of a directory by key, and the keys in order.
type settings struct {
	keys   []string
	values map[string]any
}

func (s *settings) add(key string, value any) {
	s.keys = append(s.keys, key)
	s.values[key] = value
}

// hash is a string that text abbreviates.
type hash string

// settings returns the settings of the runs, the origin of their initial parameters, and the
// hash of their images. It is nil if there is no configuration. withSweep includes the
// section "sweep".
func (s *Sweep) settings(withSweep bool) *settings {
	if s.Config == nil {
		return nil
	}
	kept := &settings{values: map[string]any{}}
	for _, v := range s.Config.Values() {
		if withSweep || !strings.HasPrefix(v.Key, "sweep.") {
			kept.add(v.Key, v.Value)
		}
	}
	kept.add("--from", s.from().String())
	if i := slices.IndexFunc(s.Runs, func(r Run) bool { return r.Environment != nil }); i >= 0 {
		kept.add("images", hash(s.Runs[i].Environment.Data.Hash))
	}
	return kept
}

// differing lists the settings in which the sweeps differ, and the directories of sweeps
// without a configuration, whose settings are unknown.
func differing(sweeps []*Sweep) (differ []Setting, unkept []string) {
	differ = []Setting{}
	withSweep := !slices.ContainsFunc(sweeps, func(s *Sweep) bool { return s.alone })
	all, keys := make([]*settings, len(sweeps)), []string(nil)
	for i, s := range sweeps {
		if all[i] = s.settings(withSweep); all[i] == nil {
			unkept = append(unkept, s.Dir)
			continue
		}
		for _, key := range all[i].keys {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	for _, key := range keys {
		setting, texts := Setting{Key: key, Values: make([]any, len(all))}, map[string]bool{}
		for i, kept := range all {
			if kept != nil {
				setting.Values[i] = kept.values[key]
				texts[valueText(kept.values[key])] = true
			}
		}
		if len(texts) > 1 {
			differ = append(differ, setting)
		}
	}
	return differ, unkept
}

// valueText formats a value as in a configuration, and nil as "-".
func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case string:
		if v != "" {
			return printable.Name(v)
		}
	case hash:
		return fmt.Sprintf("%.12s", string(v))
	case []int, []uint64:
		return strings.ReplaceAll(fmt.Sprint(v), " ", ", ")
	case []string:
		return printable.Name("[" + strings.Join(v, ", ") + "]")
	case []configs.Operation:
		if len(v) == 0 {
			return "[]"
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return printable.Name(fmt.Sprint(value))
	}
	return printable.Name(strings.TrimSpace(text.String()))
}

// writeSettings prints the settings that differ, with one column for each directory.
func (c Comparison) writeSettings(w io.Writer) error {
	for i, dir := range c.Directories {
		if slices.Contains(c.Unkept, dir) {
			fmt.Fprintf(w, "%s did not keep its settings.\n", letter(i))
		}
	}
	switch compared := len(c.Directories) - len(c.Unkept); {
	case compared < 2:
		_, err := fmt.Fprintln(w)
		return err
	case len(c.Settings) == 0:
		_, err := fmt.Fprint(w, "No setting differs.\n\n")
		return err
	}
	fmt.Fprint(w, "Settings that differ:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := []string{"  "}
	for i := range c.Directories {
		row = append(row, letter(i))
	}
	fmt.Fprintln(t, strings.Join(row, "\t"))
	for _, s := range c.Settings {
		row = []string{"  " + s.Key}
		for _, value := range s.Values {
			row = append(row, valueText(value))
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	fmt.Fprintln(t)
	return t.Flush()
}

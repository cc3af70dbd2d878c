package configs

import (
	"os"
	"strings"
	"testing"
)

// The page in the documentation must be up to date.
func TestSettingsPageIsFresh(t *testing.T) {
	kept, err := os.ReadFile("../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	want := SettingsPage()
	if string(kept) == want {
		return
	}
	lines := strings.Split(want, "\n")
	for i, line := range strings.Split(string(kept), "\n") {
		if i >= len(lines) || line != lines[i] {
			t.Errorf("docs/settings.md, line %d, is stale: %q", i+1, line)
			break
		}
	}
	t.Error("write it again: go run ./pipeline config schema --markdown > docs/settings.md")
}

// Rows must say what Load accepts, and every setting must have one.
func TestSettingsPage(t *testing.T) {
	page := SettingsPage()
	for _, key := range Keys() {
		if n := strings.Count(page, "\n| `"+key+"` | "); n != 1 {
			t.Errorf("%s has %d rows", key, n)
		}
	}
	for _, row := range []string{
		"| `name` | empty | text | ",
		"| `seed` | `1` | whole numbers 0..18446744073709551615 | ",
		"| `model.widths` | `[64, 128, 256]` | a list of whole numbers 1..4096; at least 1 | ",
		"| `model.batchnorm.momentum` | `0.99` | numbers 0..1, both excluded | ",
		"| `augment.recipe` | `medium` | `none`, `shift`, `medium`, `strong`, `photo`, `custom` | ",
		"| `augment.operations` | `[]` | a list of operations, such as `{kind: rotation, degrees: 10}` | ",
		"| `train.class_weights` | `[]` | a list of numbers 0..1000000 | ",
		"| `optimizer.nesterov` | `false` | `true`, `false` | ",
		"| `optimizer.epsilon` | `1e-08` | numbers 0..1, 0 excluded | ",
		"| `schedule.decay_epochs` | `[60, 85]` | a list of whole numbers 1..1000000, ascending | ",
		"| `sweep.seeds` | `[1]` | a list of whole numbers 0..18446744073709551615, each once; at least 1 | ",
	} {
		if !strings.Contains(page, "\n"+row) {
			t.Errorf("the page has no row %q", row)
		}
	}
	if i, j := strings.Index(page, "\n## Top level\n"), strings.Index(page, "\n## sweep\n"); i < 0 || j < i {
		t.Errorf("sections are at %d and %d", i, j)
	}
}

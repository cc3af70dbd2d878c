package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"onnxlab/internal/terminal/terminaltest"
)

// TestTrainOnTerminals: on terminals of any width there is a bar, drawn on one line with as
// much text as fits. What remains on the screen is the same as without a terminal.
func TestTrainOnTerminals(t *testing.T) {
	const loss, accuracy, rate, times = `  loss \d\.\d{4}`, `  accuracy [ \d]\d\.\d %`, ` +\d+ images/s`, `  \[[\dms]+:[\dms]+\]`
	for _, c := range []struct {
		width   int
		columns string // the value of $COLUMNS
		text    string
		bar     int
		times   string
	}{
		{200, "20", loss + accuracy + rate, 20, times},
		{80, "", loss + accuracy, 14, times},
		{60, "", loss, 11, times},
		{48, "", "", 12, times},
		{0, "", loss + accuracy, 14, times},
		{0, "200", loss + accuracy + rate, 20, times},
		{0, "60", loss, 11, times},
		{40, "", "", 20, ""},
		{20, "", "", 1, ""},
	} {
		drawn := trainOn(t, c.width, c.columns)
		bar := regexp.MustCompile(fmt.Sprintf(`^epoch 1/1%s +\d+%% \|[█ ]{%d}\|%s *$`, c.text, c.bar, c.times))
		if len(drawn) == 0 || !bar.MatchString(drawn[0]) {
			t.Errorf("width %d, COLUMNS=%s: %q does not match %s", c.width, c.columns, drawn, bar)
		}
	}
	if drawn := trainOn(t, 2, ""); len(drawn) == 0 || drawn[0] != "e" {
		t.Errorf("width 2: drawn are %q", drawn)
	}
	if drawn := trainOn(t, 1, ""); len(drawn) > 0 {
		t.Errorf("width 1: drawn are %q", drawn)
	}
}

// trainOn trains on a terminal and returns the lines that were overwritten. It checks what
// remains.
func trainOn(t *testing.T, width int, columns string) (drawn []string) {
	t.Helper()
	x := terminaltest.Open(t, width)
	cmd := command(t, "train", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--set", "train.epochs=1",
		"--out", filepath.Join(t.TempDir(), "run"))
	cmd.Stderr, cmd.Env = x.File, append(cmd.Env, "COLUMNS="+columns)
	if err := cmd.Run(); err != nil {
		t.Fatalf("width %d: %v\n%s", width, err, x.Text(t))
	}
	if columns != "" && width == 0 {
		x.Width, _ = strconv.Atoi(columns) // of this test
	}
	drawn, stayed := x.Drawn(t, x.Text(t))
	text := strings.Join(stayed, "\n")
	if !regexp.MustCompile(`\A\S+: 512 training .* 1 epochs\n(note: .*\n){2}epoch 1/1  rate .* \d+\.\d s\n\z`).MatchString(text) {
		t.Errorf("width %d: what stays is\n%s", width, text)
	}
	return drawn
}

package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"onnxlab/internal/terminal/terminaltest"
)

// TestTrainOnTerminals: on terminals of any width the bar is drawn in one line,
// and what stays is what there is without a terminal.
func TestTrainOnTerminals(t *testing.T) {
	bars := map[int]string{
		200: `^epoch 1/1  loss \d\.\d{4}  accuracy \d+\.\d %  \d+ images/s +\d+% \|[█ ]{20}\|  \[[\dms]+:[\dms]+\]$`,
		80:  `^epoch 1/1  loss \d\.\d{4}  accuracy \d+\.\d %  \d+ images/s +\d+% \|[█ ]*\|  \[[\dms]+:`,
		0:   `^epoch 1/1  loss \d\.\d{4}  accuracy \d+\.\d %  \d+ images/s +\d+% \|[█ ]*\|  \[[\dms]+:`,
		20:  `^epoch 1/1  loss \d\.\d$`,
		2:   `^e$`,
		1:   ``,
	}
	for width, bar := range bars {
		x := terminaltest.Open(t, width)
		dir := filepath.Join(t.TempDir(), "run")
		cmd := command(t, "train", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--set", "train.epochs=1", "--out", dir)
		cmd.Stderr = x.File
		if err := cmd.Run(); err != nil {
			t.Fatalf("width %d: %v\n%s", width, err, x.Text(t))
		}
		drawn, stayed := x.Drawn(t, x.Text(t))
		if (bar == "") != (len(drawn) == 0) {
			t.Errorf("width %d: drawn are %q", width, drawn)
		}
		for _, line := range drawn {
			if !regexp.MustCompile(bar).MatchString(line) {
				t.Errorf("width %d: %q does not match %s", width, line, bar)
			}
		}
		text := strings.Join(stayed, "\n")
		if !regexp.MustCompile(`\A\S+: 512 training .* 1 epochs\n(note: .*\n){2}epoch 1/1  rate .* \d+\.\d s\n\z`).MatchString(text) {
			t.Errorf("width %d: what stays is\n%s", width, text)
		}
	}
}

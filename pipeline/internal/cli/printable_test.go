package cli

import (
	"strings"
	"testing"
)

// TestShortLines cuts the middle out of one line of three.
func TestShortLines(t *testing.T) {
	got := ShortLines("first\nbegins " + strings.Repeat("é", 200_000) + " ends\nlast")
	if lines := strings.Split(got, "\n"); len(lines) != 3 || lines[0] != "first" || lines[2] != "last" ||
		!strings.HasPrefix(lines[1], "begins é") || !strings.HasSuffix(lines[1], "é ends") || len([]rune(lines[1])) != 10_003 {
		t.Errorf("%d bytes: %.100q", len(got), got)
	}
	if line := strings.Repeat("x", 10_000); ShortLines(line) != line {
		t.Error("a line that is short enough is cut")
	}
}

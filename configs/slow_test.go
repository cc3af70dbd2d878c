package configs

import (
	"strings"
	"testing"
	"time"
)

// Files at the size limit that are slow to parse must still be read soon.
func TestHostileFilesEndSoon(t *testing.T) {
	for name, part := range map[string]string{
		"open lists":    "[",
		"open mappings": "{",
		"dashes":        "- ",
		"question":      "? ",
		"comments":      "#\n",
		"long key":      "a",
		"keys":          "a: 1\n",
		"anchors":       "&a ",
		"quotes":        "\"\" ",
		"documents":     "---\n",
		"flow pairs":    "[a: ",
		"nested keys":   "a: {",
		"colons":        ": ",
	} {
		text := strings.Repeat(part, longestFile/len(part))
		start := time.Now()
		got := problems(t, text)
		if took := time.Since(start); took > 20*time.Second || len(got) == 0 {
			t.Errorf("%s: %d problems after %v", name, len(got), took)
		} else {
			t.Logf("%s: %v, %.80s", name, took, got[0])
		}
	}
}

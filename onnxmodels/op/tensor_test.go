package op

import (
	"strings"
	"testing"
)

// TestPanic: one in a goroutine of Eval is an error.
func TestPanic(t *testing.T) {
	err := parallel(3, func(i int) { _ = make([]int, 2)[i] })
	if err == nil || !strings.Contains(err.Error(), "index out of range [2]") {
		t.Errorf("error %v", err)
	}
}

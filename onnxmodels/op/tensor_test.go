package op

import (
	"strings"
	"testing"
)

// TestPanic: a panic in a goroutine of Eval becomes an error.
func TestPanic(t *testing.T) {
	err := parallel(3, func(i int) { _ = make([]int, 2)[i] })
	if err == nil || !strings.Contains(err.Error(), "index out of range [2]") {
		t.Errorf("error %v", err)
	}
}

package gorun

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// attributes are those of a node as onnx-go gives them. Reading one takes it
// out; what is left in the end is not known here, and the node is refused.
type attributes struct {
	left map[string]any
	err  error
}

// done returns the first mistake of the node's attributes.
func (a *attributes) done() error {
	if a.err == nil && len(a.left) > 0 {
		names := slices.Sorted(maps.Keys(a.left))
		a.err = fmt.Errorf("attribute %q is not supported", strings.Join(names, `", "`))
	}
	return a.err
}

func (a *attributes) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

// take returns the attribute, or def if it is absent.
func take[T any](a *attributes, name string, def T) T {
	raw, ok := a.left[name]
	if !ok {
		return def
	}
	delete(a.left, name)
	v, ok := raw.(T)
	if !ok {
		a.fail("attribute %q is of the wrong type", name)
		return def
	}
	return v
}

// only takes an attribute that may have no value but the one that is
// implemented.
func only[T comparable](a *attributes, name string, want T) {
	if v := take(a, name, want); v != want {
		a.fail("attribute %q is %v, of which only %v is supported", name, v, want)
	}
}

// flag takes an attribute that is 0 or 1.
func (a *attributes) flag(name string) bool {
	v := take(a, name, int64(0))
	if v != 0 && v != 1 {
		a.fail("attribute %q is %d, want 0 or 1", name, v)
	}
	return v == 1
}

// sizes takes a list of n integers in min..65535, all of them def if it is
// absent.
func (a *attributes) sizes(name string, n int, least, def int64) []int {
	const most = 1<<16 - 1
	list := take(a, name, slices.Repeat([]int64{def}, n))
	out := make([]int, n)
	if len(list) != n {
		a.fail("attribute %q has %d numbers, want %d", name, len(list), n)
		return out
	}
	for i, v := range list {
		if v < least || v > most {
			a.fail("attribute %q: %d is outside %d..%d", name, v, least, most)
			return out
		}
		out[i] = int(v)
	}
	return out
}

package augment

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ranges reads the ranges of one operation, and collects what is wrong with
// them: the first mistake is told by finish, whose text goes on after the
// name of the operation.
type ranges struct {
	given map[string]float64
	known []string
	err   error
}

// get returns a number that may be left out.
func (r *ranges) get(key string, missing, lo, hi float64) float64 {
	r.known = append(r.known, key)
	value, ok := r.given[key]
	if !ok {
		return missing
	}
	if !(value >= lo && value <= hi) { // also NaN
		r.fail(fmt.Errorf(".%s: %v is outside %v..%v", key, value, lo, hi))
	}
	return value
}

// need returns a number that may not be left out.
func (r *ranges) need(key string, lo, hi float64) float64 {
	if _, ok := r.given[key]; !ok {
		r.fail(fmt.Errorf(".%s: missing, it is a number in %v..%v", key, lo, hi))
	}
	return r.get(key, lo, lo, hi)
}

// needOneOf asks for at least one of the keys.
func (r *ranges) needOneOf(keys ...string) {
	for _, key := range keys {
		if _, ok := r.given[key]; ok {
			return
		}
	}
	r.fail(fmt.Errorf(": needs %s", strings.Join(keys, " or ")))
}

// interval returns two numbers in order, neither of which may be left out.
func (r *ranges) interval(low, high string, lo, hi float64) (from, to float64) {
	r.need(low, lo, hi)
	r.need(high, lo, hi)
	return r.intervalOr(low, high, lo, hi, lo, hi)
}

// intervalOr returns two numbers in order, each of which may be left out.
func (r *ranges) intervalOr(low, high string, missingLow, missingHigh, lo, hi float64) (from, to float64) {
	from, to = r.get(low, missingLow, lo, hi), r.get(high, missingHigh, lo, hi)
	if from > to {
		r.fail(fmt.Errorf(".%s: %v is above %s, which is %v", low, from, high, to))
	}
	return from, to
}

// fail keeps the first mistake.
func (r *ranges) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// finish returns the first mistake, or that a key is unknown.
func (r *ranges) finish() error {
	for _, key := range slices.Sorted(maps.Keys(r.given)) {
		if !slices.Contains(r.known, key) {
			slices.Sort(r.known)
			known := strings.Join(slices.Compact(r.known), ", ")
			r.fail(fmt.Errorf(".%s: unknown range, known are %s", key, known))
		}
	}
	return r.err
}

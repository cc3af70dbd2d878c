package augment

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ranges reads the ranges of one operation and keeps the first mistake that it
// finds, which finish returns. The text of an error continues the place of the
// operation, as in augment.operations[1].degrees.
type ranges struct {
	given map[string]float64
	known []string
	err   error
}

// get returns the number of a key, or missing if the key was left out.
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

// need returns the number of a key that must be given.
func (r *ranges) need(key string, lo, hi float64) float64 {
	if _, ok := r.given[key]; !ok {
		r.fail(fmt.Errorf(".%s: missing; give a number in %v..%v", key, lo, hi))
	}
	return r.get(key, lo, lo, hi)
}

// needOneOf requires at least one of the keys.
func (r *ranges) needOneOf(keys ...string) {
	for _, key := range keys {
		if _, ok := r.given[key]; ok {
			return
		}
	}
	r.fail(fmt.Errorf(": needs %s", strings.Join(keys, " or ")))
}

// interval returns the bounds of an interval, both of which must be given.
func (r *ranges) interval(low, high string, lo, hi float64) (from, to float64) {
	r.need(low, lo, hi)
	r.need(high, lo, hi)
	return r.intervalOr(low, high, lo, hi, lo, hi)
}

// intervalOr returns the bounds of an interval, with defaults for those that were left out.
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

// finish returns the first mistake; an unknown key is one too.
func (r *ranges) finish() error {
	for _, key := range slices.Sorted(maps.Keys(r.given)) {
		if !slices.Contains(r.known, key) {
			slices.Sort(r.known)
			known := strings.Join(slices.Compact(r.known), ", ")
			r.fail(fmt.Errorf(".%s: unknown range; the known ones are %s", key, known))
		}
	}
	return r.err
}

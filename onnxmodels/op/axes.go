package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// axisOf is an axis that may count from the end, counted from 0.
func axisOf(v *graph.Value, axis int64) (int, error) {
	a, err := axisIn(axis, len(v.Shape))
	if err != nil {
		return 0, fmt.Errorf("input %s has no dimension %d", v, axis)
	}
	return a, nil
}

// axisIn makes an axis that counts from the end one from the start.
func axisIn(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside %d dimensions", a, rank)
	}
	return int(a), nil
}

// axesOf reads the axes that an input holds, which is a constant or nil: counted from 0,
// each once. Without them it returns nil.
func axesOf(v *graph.Value, rank int) ([]int, error) {
	if v == nil {
		return nil, nil
	}
	if !v.Constant() || v.Elem != graph.Int64 {
		return nil, fmt.Errorf("the axes %s are no constants", v)
	}
	return axesList(v.Ints(), rank)
}

// axesFrom reads the axes that input i holds, if there is one.
func axesFrom(in []*Tensor, i, rank int) ([]int, error) {
	if i >= len(in) || in[i] == nil {
		return nil, nil
	}
	if err := in[i].want("axes", graph.Int64, -1); err != nil {
		return nil, err
	}
	return axesList(in[i].Ints, rank)
}

func axesList(list []int64, rank int) ([]int, error) {
	axes := []int{}
	for _, a := range list {
		axis, err := axisIn(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(axes, axis) {
			return nil, fmt.Errorf("axis %d is named twice", axis)
		}
		axes = append(axes, axis)
	}
	return axes, nil
}

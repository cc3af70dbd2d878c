package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// axisOf returns the dimension of v that an axis names; negative axes count from the end.
func axisOf(v *graph.Value, axis int64) (int, error) {
	a, err := axisIn(axis, len(v.Shape))
	if err != nil {
		return 0, fmt.Errorf("input %s has no dimension %d", v, axis)
	}
	return a, nil
}

// axisIn returns the axis counted from 0; negative axes count from the end.
func axisIn(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside %d dimensions", a, rank)
	}
	return int(a), nil
}

// axesOf returns the axes that the constant v holds, counted from 0. It returns nil if v is
// nil, and an error if an axis is given twice.
func axesOf(v *graph.Value, rank int) ([]int, error) {
	if v == nil {
		return nil, nil
	}
	if !v.Constant() || v.Elem != graph.Int64 {
		return nil, fmt.Errorf("the axes %s are not constant", v)
	}
	return axesList(v.Ints(), rank)
}

// axesFrom returns the axes that input i holds, or nil if that input is left out.
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

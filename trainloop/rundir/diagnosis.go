package rundir

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"onnxlab/internal/durable"
)

// Diagnosis has the measurements of package diagnose at the end of an epoch. It is zero for an
// epoch without measurements.
type Diagnosis struct {
	// GradientSquare estimates |G|², the squared norm of the gradient of all images, and
	// GradientVariance estimates tr(Σ), the variance of the gradient of one image. Both
	// estimates are unbiased, so GradientSquare can be negative. GradientNorm is the root of
	// GradientSquare, or 0 if the noise was too large to measure it.
	GradientNorm, GradientSquare, GradientVariance float64
	// NoiseScale is tr(Σ)/|G|², a number of images. Batches much larger than it gain little.
	// It is 0 if the noise was too large to measure |G|.
	NoiseScale float64
	// Sharpness is the largest eigenvalue of the loss's Hessian. It can be below 0.
	Sharpness float64
	// StabilityLimit is the sharpness above which steps at the epoch's last learning rate
	// overshoot more and more. It is 0 for optimizers for which no such limit is known.
	StabilityLimit float64
	// UpdateNorm is the norm of the change of the trainable parameters in the epoch's last
	// step, and UpdateRatio that norm divided by the norm of the parameters.
	UpdateNorm, UpdateRatio float64
	// Seconds is the time that the measurements took, above 0.
	Seconds float64
}

// Measured reports whether the epoch was measured.
func (d Diagnosis) Measured() bool { return d.Seconds > 0 }

// diagnosisColumns are the additional columns of a history with diagnoses. They are empty for
// epochs that were not measured.
func diagnosisColumns() []column {
	most := math.MaxFloat64
	list := []column{
		number("noise_scale", most, func(e *Epoch) *float64 { return &e.Diagnosis.NoiseScale }),
		number("gradient_norm", most, func(e *Epoch) *float64 { return &e.Diagnosis.GradientNorm }),
		signed("gradient_square", func(e *Epoch) *float64 { return &e.Diagnosis.GradientSquare }),
		number("gradient_variance", most, func(e *Epoch) *float64 { return &e.Diagnosis.GradientVariance }),
		signed("sharpness", func(e *Epoch) *float64 { return &e.Diagnosis.Sharpness }),
		number("stability_limit", most, func(e *Epoch) *float64 { return &e.Diagnosis.StabilityLimit }),
		number("update_norm", most, func(e *Epoch) *float64 { return &e.Diagnosis.UpdateNorm }),
		number("update_ratio", most, func(e *Epoch) *float64 { return &e.Diagnosis.UpdateRatio }),
		number("diagnose_seconds", most, func(e *Epoch) *float64 { return &e.Diagnosis.Seconds }),
	}
	for i := range list {
		list[i] = list[i].optional()
	}
	return list
}

// optional returns the column c with an empty field for 0.
func (c column) optional() column {
	return column{
		name: c.name,
		get: func(e *Epoch) string {
			if text := c.get(e); text != "0" {
				return text
			}
			return ""
		},
		set: func(e *Epoch, text string) error {
			if text == "" {
				return nil
			}
			return c.set(e, text)
		},
	}
}

// signed is a column of finite numbers that may be negative.
func signed(name string, field func(*Epoch) *float64) column {
	c := number(name, math.MaxFloat64, field)
	c.set = func(e *Epoch, text string) error {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%.80q is not a finite number", text)
		}
		*field(e) = x
		return nil
	}
	return c
}

// Layer is a row of layers.csv: the measurements of one trainable parameter at the end of an
// epoch.
type Layer struct {
	// Epoch counts from 0.
	Epoch int
	// Name is the name of the parameter.
	Name string
	// WeightNorm is the norm of the parameter after the epoch's last step, UpdateNorm the
	// norm of its change in that step, and UpdateRatio their quotient, or 0 if WeightNorm is.
	WeightNorm, UpdateNorm, UpdateRatio float64
	// GradientNorm and NoiseScale are as in Diagnosis, for the gradient with respect to this
	// parameter only.
	GradientNorm, NoiseScale float64
}

// layerHeader is the first line of layers.csv.
func layerHeader() []string {
	return []string{"epoch", "layer", "weight_norm", "update_norm", "update_ratio", "gradient_norm", "noise_scale"}
}

// numbers returns the fields of a layer that are numbers, in the order of their columns.
func (l *Layer) numbers() []*float64 {
	return []*float64{&l.WeightNorm, &l.UpdateNorm, &l.UpdateRatio, &l.GradientNorm, &l.NoiseScale}
}

// WriteLayers atomically replaces the file at path by the layers.
func WriteLayers(path string, layers []Layer) error {
	rows := [][]string{layerHeader()}
	for i := range layers {
		row := []string{strconv.Itoa(layers[i].Epoch), layers[i].Name}
		for _, x := range layers[i].numbers() {
			row = append(row, strconv.FormatFloat(*x, 'g', 6, 64))
		}
		rows = append(rows, row)
	}
	return durable.WriteFile(path, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}

// ReadLayers reads the file at path. If it does not exist, there are no layers. Anything that
// WriteLayers would not write is a *DataError.
func ReadLayers(path string) ([]Layer, error) {
	data, err := durable.ReadPlain(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	r := csv.NewReader(strings.NewReader(string(data)))
	rows, err := r.ReadAll()
	switch {
	case err != nil:
		return nil, csvError(path, err)
	case len(rows) == 0 || strings.Join(rows[0], ",") != strings.Join(layerHeader(), ","):
		return nil, &DataError{path, 1, 1, fmt.Sprintf("the header is not %q", strings.Join(layerHeader(), ","))}
	}
	var layers []Layer
	for i, row := range rows[1:] {
		l, err := parseLayer(row)
		if err != nil {
			return nil, &DataError{Path: path, Line: i + 2, Message: err.Error()}
		}
		layers = append(layers, l)
	}
	return layers, whole(path, data)
}

// parseLayer reads a row, which has as many fields as the header.
func parseLayer(row []string) (l Layer, err error) {
	if l.Epoch, err = strconv.Atoi(row[0]); err != nil || l.Epoch < 0 {
		return l, fmt.Errorf("epoch: %.80q is not a whole number of 0 or more", row[0])
	}
	l.Name = row[1]
	for k, to := range l.numbers() {
		x, err := strconv.ParseFloat(row[2+k], 64)
		if err != nil || !(x >= 0 && x <= math.MaxFloat64) {
			return l, fmt.Errorf("%s: %.80q is not a finite number of 0 or more", layerHeader()[2+k], row[2+k])
		}
		*to = x
	}
	return l, nil
}

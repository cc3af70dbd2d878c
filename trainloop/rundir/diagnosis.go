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

// Diagnosis is what was measured at the end of an epoch of why the run goes as it does
// (package diagnose). The zero value is that of an epoch at which nothing was.
type Diagnosis struct {
	// GradientSquare estimates |G|², the squared length of the gradient of all images, and
	// GradientVariance tr(Σ), the variance of the gradient of one image, both without bias:
	// the first can be below 0. GradientNorm is its root, 0 where the gradient was not seen
	// for the noise.
	GradientNorm, GradientSquare, GradientVariance float64
	// NoiseScale is tr(Σ)/|G|², in images: beyond it larger batches stop paying. 0 where the
	// gradient was not seen for the noise.
	NoiseScale float64
	// Sharpness is the largest eigenvalue of the loss's Hessian. It can be below 0.
	Sharpness float64
	// StabilityLimit is the sharpness above which steps of the epoch's last rate overshoot
	// further and further; 0 for optimizers of which no such limit is known.
	StabilityLimit float64
	// UpdateNorm is how far the epoch's last step moved the trainable parameters, and
	// UpdateRatio the same over the length of the parameters.
	UpdateNorm, UpdateRatio float64
	// Seconds is what it took to measure all this, above 0.
	Seconds float64
}

// Measured tells whether there is a diagnosis.
func (d Diagnosis) Measured() bool { return d.Seconds > 0 }

// diagnosisColumns are the further columns of a history with diagnoses. They are empty in the
// rows of epochs without one.
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

// optional is the column of a number that is left out where it is 0.
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

// signed is a column of finite numbers.
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

// Layer is what was measured at the end of an epoch of one trainable parameter of the
// network: a row of layers.csv.
type Layer struct {
	// Epoch counts from 0.
	Epoch int
	// Name is that of the parameter.
	Name string
	// WeightNorm is its length after the epoch's last step, UpdateNorm how far that step has
	// moved it, and UpdateRatio one over the other, 0 where the length is.
	WeightNorm, UpdateNorm, UpdateRatio float64
	// GradientNorm and NoiseScale are those of Diagnosis, of the gradient by this parameter.
	GradientNorm, NoiseScale float64
}

// layerHeader is the first line of layers.csv.
func layerHeader() []string {
	return []string{"epoch", "layer", "weight_norm", "update_norm", "update_ratio", "gradient_norm", "noise_scale"}
}

// numbers are the fields of a layer that are numbers, in the order of their columns.
func (l *Layer) numbers() []*float64 {
	return []*float64{&l.WeightNorm, &l.UpdateNorm, &l.UpdateRatio, &l.GradientNorm, &l.NoiseScale}
}

// WriteLayers replaces the file at path by the layers, whole or not at all.
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

// ReadLayers reads the file at path; there are none where it does not exist. What is not as
// WriteLayers writes it is a *DataError.
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
)

// exportInt8 writes the network in int8 and prints its accuracy next to that in float32.
func (o *exportModelOptions) exportInt8(ctx context.Context, stdout, stderr io.Writer) error {
	t, err := cli.ReadTrained(o.run, o.best)
	if err != nil {
		return err
	}
	e, err := o.LoadOrOfRun(o.run)
	if err != nil {
		return err
	}
	if err := cli.RefuseAmongImages("out", o.out, o.out, e.Data); err != nil {
		return err
	}
	e.Runtime.Device = configs.CPU // it has integer operators
	images, err := cli.LoadData(ctx, e.Data, stderr, dataset.Train, dataset.Validation)
	if err != nil {
		return err
	}
	options := o.inference()
	single, err := t.Model(options)
	if err != nil {
		return err
	}
	calibration := images.Train.Head(o.calibration)
	if options.Ranges, err = measureRanges(ctx, single, calibration, e.Runtime, stderr); err != nil {
		return err
	}
	options.Precision = onnxmodels.PrecisionInt8
	quantized, err := t.Model(options)
	if err != nil {
		return err
	}
	var rows []precisionRow
	for _, m := range []*modelfile.Model{single, quantized} {
		row, err := evaluatePrecision(ctx, m, o.out, images.Validation, e.Runtime, stderr)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if err := modelfile.Write(o.out, quantized); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "from %s\n", t.Path)
	return printPrecisions(stdout, o.out, rows, calibration.Len(), images.Validation)
}

// measuredPixels is how many pixels run at once. The values of all nodes are kept, which
// are a hundred megabytes for an image of 224x224 in a large network.
const measuredPixels = 1 << 16

// measureRanges runs the model in float32 on the images and returns the ranges of its
// values.
func measureRanges(ctx context.Context, m *modelfile.Model, set *dataset.Set, r configs.Runtime, stderr io.Writer) (ranges onnxmodels.Ranges, err error) {
	data, err := modelfile.Marshal(m)
	if err != nil {
		return nil, err
	}
	model, err := interp.New(data)
	if err != nil {
		return nil, err
	}
	set = set.WithChannels(model.Channels())
	h, w := model.Size()
	if height, width := set.Size(); set.Len() == 0 || height != h || width != w {
		return nil, cli.BadDataf("calibrate: there are %d training images of %dx%d pixels, but the model takes %dx%d", set.Len(), height, width, h, w)
	}
	values, closeValues, err := cli.OpenValues(ctx, data, model, r, stderr)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeValues()) }()
	if err := set.Draw(ctx); err != nil {
		return nil, err
	}
	ranges = onnxmodels.Ranges{}
	batchSize := max(1, measuredPixels/(h*w))
	for from := 0; from < set.Len(); from += batchSize {
		batch, err := set.ReadImages(ctx, from, min(from+batchSize, set.Len()), nil)
		if err != nil {
			return nil, err
		}
		byName, err := values(batch)
		if err != nil {
			return nil, err
		}
		for name, numbers := range byName {
			ranges.Observe(name, numbers)
		}
	}
	return ranges, nil
}

// precisionRow is the result of a model in one precision.
type precisionRow struct {
	precision      string
	accuracy, loss float64
	bytes          int
}

// evaluatePrecision evaluates a model on the set.
func evaluatePrecision(ctx context.Context, m *modelfile.Model, path string, set *dataset.Set, r configs.Runtime, stderr io.Writer) (row precisionRow, err error) {
	c, err := cli.OpenModel(ctx, m, path, cli.DefaultRuntime, r, stderr)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if set, err = c.Adopt(set, io.Discard); err != nil {
		return row, cli.BadData(err)
	}
	report, err := evaluation.RunLoss(ctx, c, evaluation.Loss(c.Loss), set)
	if err != nil {
		return row, err
	}
	data, err := modelfile.Marshal(m)
	return precisionRow{c.Precision, report.Accuracy, report.Loss, len(data)}, err
}

func printPrecisions(w io.Writer, path string, rows []precisionRow, calibration int, set *dataset.Set) error {
	fmt.Fprintf(w, "%s\n\n", path)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "precision\taccuracy\tloss\tbytes\t\n")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%.2f %%\t%.4f\t%d\t\n", r.precision, 100*r.accuracy, r.loss, r.bytes)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\non %d validation images of %s, in %s; ranges measured on %d training images\n", set.Len(), set.Name, cli.DefaultRuntime, calibration)
	return err
}

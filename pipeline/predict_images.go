package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"onnxlab/dataset"
	"onnxlab/dataset/folder"
	"onnxlab/dataset/photo"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/pipeline/internal/cli"
)

// predicting is the state of a classification while more images are still being found.
type predicting struct {
	*cli.Classifier
	opts   *predictOptions
	out    predictionWriter
	stderr io.Writer
	// waiting are images that were found but not classified yet. images counts those that
	// were found, and broken those among them that cannot be read.
	waiting        []string
	images, broken int
	// folders counts folders that have no images or cannot be read.
	folders int
	// first is the first fault. It is printed only when there is a second one.
	first error
}

// take adds the image, or the images of the folder, at path.
func (p *predicting) take(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return p.add(ctx, path)
	}
	before := p.images + p.folders
	notes, err := folder.Walk(ctx, path, p.opts.recursive,
		func(image string) error { return p.add(ctx, image) },
		func(err error) error {
			p.folders++
			p.tell(err)
			return nil
		})
	cli.WriteNotes(p.stderr, notes)
	if err == nil && p.images+p.folders == before {
		p.folders++
		p.tell(dataset.FileError(path, errors.New("has no images ("+photo.Formats+")")))
	}
	return err
}

// add adds one image, and classifies the waiting ones if there are enough of them.
func (p *predicting) add(ctx context.Context, image string) error {
	// So few that their pixels need little memory, however many images there are.
	const atOnce = 100
	p.images++
	p.waiting = append(p.waiting, image)
	if len(p.waiting) < atOnce {
		return nil
	}
	return p.flush(ctx)
}

// flush classifies the images that wait.
func (p *predicting) flush(ctx context.Context) error {
	predictions, bad, err := classify(ctx, p.Classifier, p.waiting, p.opts.top, photo.Limits{Memory: int64(p.opts.memory) << 20})
	if err != nil {
		return err
	}
	p.waiting = p.waiting[:0]
	for _, fault := range bad {
		p.broken++
		p.tell(fault)
	}
	return p.out.write(predictions)
}

// tell prints what cannot be read. It holds the first fault back: if there is no
// other, the command ends with it as its error.
func (p *predicting) tell(fault error) {
	switch p.broken + p.folders {
	case 1:
		p.first = fault
		return
	case 2:
		p.print(p.first)
	}
	p.print(fault)
}

func (p *predicting) print(fault error) {
	fmt.Fprintln(p.stderr, printable.Line(fault.Error()))
}

// end ends the output, unless err is not nil, and returns the error of the command.
func (p *predicting) end(err error) error {
	if err == nil {
		err = p.out.end()
	}
	faults := p.broken + p.folders
	switch {
	case faults == 1:
		return errors.Join(err, p.first)
	case err != nil || faults == 0:
		return err
	case p.folders == 0:
		return cli.BadDataf("%d of %d images cannot be read", p.broken, p.images)
	}
	return cli.BadDataf("%d of %d images cannot be read; folders without images, or that cannot be read: %d", p.broken, p.images, p.folders)
}

// unreadImage is the error of an image that cannot be read.
func unreadImage(path string, err error) *dataset.Error {
	fault := dataset.FileError(path, err)
	var large *photo.TooLargeError
	if errors.As(err, &large) {
		fault.Fix = fmt.Sprintf("--image-memory %d allows it", large.Megabytes())
	}
	return fault
}

// classify returns predictions for the images at the paths, without those that cannot be
// read. bad are the errors of these.
func classify(ctx context.Context, c *cli.Classifier, paths []string, top int, limits photo.Limits) (predictions []prediction, bad []error, err error) {
	images, faults := make([][]uint8, len(paths)), make([]error, len(paths))
	err = photo.ReadAll(ctx, photo.OpenFile, paths, limits, func(i int, p *photo.Photo, err error) error {
		if err == nil {
			images[i], err = resized(c, p)
		}
		if err != nil {
			faults[i] = unreadImage(paths[i], err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	var pixels []uint8
	for i, path := range paths {
		if faults[i] != nil {
			bad = append(bad, faults[i])
			continue
		}
		pixels = append(pixels, images[i]...)
		predictions = append(predictions, prediction{Image: path})
	}
	if len(predictions) == 0 {
		return nil, bad, nil
	}
	_, probabilities, err := c.Predict(ctx, pixels)
	var wrong *cli.NotFiniteError
	if errors.As(err, &wrong) {
		err = fmt.Errorf("classify %q: %w", predictions[wrong.Image].Image, err)
	}
	if err != nil {
		return nil, nil, err
	}
	for i := range predictions {
		predictions[i].Top = ranks(probabilities[i*len(c.Classes):(i+1)*len(c.Classes)], c.Classes, top)
	}
	return predictions, bad, nil
}

// resized resizes a photograph to the size of the model, in grey if the model takes grey
// images.
func resized(c *cli.Classifier, p *photo.Photo) ([]uint8, error) {
	if h, w := p.Size(); c.Resize == onnxmodels.ResizeExact && (h != c.Height || w != c.Width) {
		return nil, fmt.Errorf("it has %dx%d pixels, but the model takes %dx%d (--resize %s resizes it)",
			w, h, c.Width, c.Height, onnxmodels.ResizeFill)
	}
	pixels := p.Fill(c.Height, c.Width)
	if c.Channels == 1 {
		grey := make([]uint8, c.Height*c.Width)
		dataset.GreyOf(grey, pixels)
		return grey, nil
	}
	return pixels, nil
}

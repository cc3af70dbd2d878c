package idx

import (
	"context"
	"image"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
	"onnxlab/internal/parallel"
)

// resize resizes the images of a set, on all cores, as photo.Fill does.
func resize(ctx context.Context, set *dataset.Set, height, width int) error {
	if height == set.Height && width == set.Width {
		return nil
	}
	const chunk = 100
	resized := make([]uint8, set.Len()*height*width)
	err := parallel.Chunks(0, set.Len(), chunk, func(from, to int) error {
		for i := from; i < to; i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			picture := &image.Gray{Pix: set.Image(i), Stride: set.Width, Rect: image.Rect(0, 0, set.Width, set.Height)}
			for k, v := range photo.Of(picture).Fill(height, width) {
				if k%3 == 0 { // the channels are equal
					resized[i*height*width+k/3] = v
				}
			}
		}
		return nil
	})
	set.Pixels, set.Height, set.Width = resized, height, width
	return err
}

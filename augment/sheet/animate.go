package sheet

import (
	"context"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"

	"github.com/disintegration/imaging"
)

// frameDelay is how long a frame is shown, in hundredths of a second.
const frameDelay = 60

// Animate shows the sources of all rows side by side, and then their variants one
// after the other. A row that has fewer variants than others stays at its last.
func Animate(ctx context.Context, rows []Row) (*gif.GIF, error) {
	longest, err := check(rows)
	if err != nil {
		return nil, err
	}
	animation := &gif.GIF{}
	for frame := range longest {
		image, err := drawFrame(ctx, rows, frame)
		if err != nil {
			return nil, err
		}
		animation.Image = append(animation.Image, image)
		animation.Delay = append(animation.Delay, frameDelay)
	}
	return animation, nil
}

// drawFrame draws the sources as frame 0, and variant n-1 of each row as frame n.
func drawFrame(ctx context.Context, rows []Row, frame int) (*image.Paletted, error) {
	const perLine = 4
	columns, lines := min(len(rows), perLine), (len(rows)+perLine-1)/perLine
	picture := imaging.New(margin+columns*(tile+margin), margin+lines*(tile+margin), color.White)
	for i, row := range rows {
		shown := row.Source
		if n := min(frame, len(row.Variants)); n > 0 {
			shown = row.Variants[n-1].Image
		}
		place(picture, shown, i%perLine, margin+i/perLine*(tile+margin))
	}
	paletted := image.NewPaletted(picture.Rect, palette.Plan9)
	// Dithering many rows takes many seconds: do it line by line, so that ctx can end it.
	for line := range lines {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		strip := image.Rect(0, line*(tile+margin), picture.Rect.Max.X, (line+1)*(tile+margin))
		if line == lines-1 {
			strip.Max.Y = picture.Rect.Max.Y
		}
		draw.FloydSteinberg.Draw(paletted, strip, picture, strip.Min)
	}
	return paletted, nil
}

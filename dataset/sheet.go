package dataset

import (
	"context"
	"image"
	"image/color"
	"image/draw"

	"github.com/disintegration/imaging"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Sheet returns a picture with one row for each class: the class's name and its first
// images, at most columns of them. If the set Streams, Sheet reads these images. If one
// cannot be read, the picture is incomplete; SheetContext returns the error.
func (s *Set) Sheet(columns int) *image.NRGBA {
	sheet, _ := s.SheetContext(context.Background(), columns)
	return sheet
}

// SheetContext is Sheet, but returns an error when ctx is done or an image cannot be read.
func (s *Set) SheetContext(ctx context.Context, columns int) (*image.NRGBA, error) {
	// Small images are enlarged until they can be seen.
	const visible, gap, labelWidth = 64, 2, 110
	scale := max(1, visible/max(s.Height, s.Width, 1))
	width, height := s.Width*scale+gap, s.Height*scale+gap
	sheet := imaging.New(labelWidth+columns*width, len(s.Classes)*height, color.White)
	next := make([]int, len(s.Classes))
	for i, label := range s.Labels {
		if next[label] == columns {
			continue
		}
		picture, err := s.picture(ctx, i)
		if err != nil {
			return sheet, err
		}
		tile := imaging.Resize(picture, s.Width*scale, s.Height*scale, imaging.NearestNeighbor)
		at := image.Pt(labelWidth+next[label]*width, int(label)*height)
		draw.Draw(sheet, tile.Rect.Add(at), tile, image.Point{}, draw.Src)
		next[label]++
	}
	for i, class := range s.Classes {
		write(sheet.SubImage(image.Rect(0, i*height, labelWidth-gap, (i+1)*height)).(*image.NRGBA), class)
	}
	return sheet, nil
}

// picture returns the i-th image in a type of the image package.
func (s *Set) picture(ctx context.Context, i int) (*image.NRGBA, error) {
	picture := image.NewNRGBA(image.Rect(0, 0, s.Width, s.Height))
	pixels, err := s.ReadImages(ctx, i, i+1, nil)
	if err != nil {
		return nil, err
	}
	for k := range s.Height * s.Width {
		pixel := pixels[s.Channels()*k:][:s.Channels()]
		for c := range colour {
			picture.Pix[4*k+c] = pixel[min(c, len(pixel)-1)]
		}
		picture.Pix[4*k+3] = 255
	}
	return picture, nil
}

// write writes a line of text at the left edge of the picture, vertically centred.
func write(picture *image.NRGBA, text string) {
	const margin = 4
	face := basicfont.Face7x13
	middle := (picture.Rect.Min.Y + picture.Rect.Max.Y + face.Ascent - face.Descent) / 2
	drawer := font.Drawer{
		Dst: picture, Src: image.Black, Face: face,
		Dot: fixed.P(picture.Rect.Min.X+margin, middle),
	}
	drawer.DrawString(text)
}

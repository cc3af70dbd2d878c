package sheet

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"slices"

	"github.com/disintegration/imaging"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Row is one source and its variants. Pictures may have different sizes; each is
// drawn as large as fits its tile.
type Row struct {
	Label    string
	Source   *image.NRGBA
	Variants []Variant
}

// Variant is one augmented image and the lines that are written below it.
type Variant struct {
	Image   *image.NRGBA
	Caption []string
	// Name, for example of a file, is written on one more line unless it is empty. If
	// it is too long, its middle is left out.
	Name string
}

// lines returns the lines that are written below the variant.
func (v Variant) lines(face font.Face) []string {
	if v.Name == "" {
		return v.Caption
	}
	return append(slices.Clone(v.Caption), shortenMiddle(&font.Drawer{Face: face}, v.Name))
}

// Sizes in pixels of the sheet.
const (
	tile       = 128 // the side of the square for one picture: 4 times that of CIFAR images
	margin     = 12
	lineHeight = 16
	fontSize   = 13
)

func ink() color.Color   { return color.NRGBA{0x22, 0x22, 0x22, 0xff} }
func faint() color.Color { return color.NRGBA{0x77, 0x77, 0x77, 0xff} }

// Draw draws one line of pictures for each row: the source with its label,
// and its variants with their captions.
func Draw(rows []Row) (*image.NRGBA, error) {
	columns, err := check(rows)
	if err != nil {
		return nil, err
	}
	face, err := newFace()
	if err != nil {
		return nil, err
	}
	defer face.Close()
	sheet := blank(rows, columns)
	top := margin
	for _, row := range rows {
		place(sheet, row.Source, 0, top)
		write(sheet, face, ink(), 0, top+tile, []string{row.Label})
		for i, v := range row.Variants {
			place(sheet, v.Image, i+1, top)
			write(sheet, face, faint(), i+1, top+tile, v.lines(face))
		}
		top += row.height()
	}
	return sheet, nil
}

// blank returns a white sheet with room for the rows and columns.
func blank(rows []Row, columns int) *image.NRGBA {
	height := margin
	for _, row := range rows {
		height += row.height()
	}
	return imaging.New(margin+columns*(tile+margin), height, color.White)
}

// Grid draws pictures with their captions, in lines of that many columns.
func Grid(pictures []Variant, columns int) (*image.NRGBA, error) {
	if columns < 1 || len(pictures) == 0 {
		return nil, fmt.Errorf("draw sheet: %d pictures in lines of %d", len(pictures), columns)
	}
	var lines []Row
	for line := range slices.Chunk(pictures, columns) {
		lines = append(lines, Row{Source: line[0].Image, Variants: line})
	}
	if _, err := check(lines); err != nil {
		return nil, err
	}
	face, err := newFace()
	if err != nil {
		return nil, err
	}
	defer face.Close()
	sheet := blank(lines, min(columns, len(pictures)))
	top := margin
	for _, line := range lines {
		for i, v := range line.Variants {
			place(sheet, v.Image, i, top)
			write(sheet, face, ink(), i, top+tile, v.lines(face))
		}
		top += line.height()
	}
	return sheet, nil
}

// maxPixels limits the memory of a sheet to 256 MB.
const maxPixels = 1 << 26

// check returns how many pictures the longest row has, or an error if a picture is missing or
// the sheet would be too large.
func check(rows []Row) (columns int, err error) {
	height := 0
	for i, row := range rows {
		if row.Source == nil || row.Source.Rect.Empty() {
			return 0, fmt.Errorf("draw sheet: row %d has no source", i)
		}
		for k, v := range row.Variants {
			if v.Image == nil || v.Image.Rect.Empty() {
				return 0, fmt.Errorf("draw sheet: row %d has no image %d", i, k)
			}
		}
		columns = max(columns, len(row.Variants)+1)
		height += row.height()
	}
	if columns == 0 {
		return 0, errors.New("draw sheet: no rows")
	}
	if height > maxPixels/(columns*(tile+margin)) {
		return 0, fmt.Errorf("draw sheet: %d rows of %d pictures are more than %d pixels", len(rows), columns, maxPixels)
	}
	return columns, nil
}

// height returns the height of the row on the sheet: its pictures and its longest caption.
func (r Row) height() int {
	lines := 1
	for _, v := range r.Variants {
		lines = max(lines, len(v.Caption))
		if v.Name != "" {
			lines = max(lines, len(v.Caption)+1)
		}
	}
	return tile + lines*lineHeight + margin + lineHeight/2
}

// place draws a picture into the middle of a column's tile.
func place(sheet *image.NRGBA, picture *image.NRGBA, column, top int) {
	picture = fit(picture)
	left := margin + column*(tile+margin) + (tile-picture.Rect.Dx())/2
	at := image.Pt(left, top+(tile-picture.Rect.Dy())/2)
	draw.Draw(sheet, picture.Rect.Add(at), picture, picture.Rect.Min, draw.Src)
}

// fit enlarges a small picture by whole factors, so that each pixel stays a
// square, and reduces a large one.
func fit(picture *image.NRGBA) *image.NRGBA {
	width, height := picture.Rect.Dx(), picture.Rect.Dy()
	if longest := max(width, height); longest <= tile {
		factor := tile / longest
		return imaging.Resize(picture, width*factor, height*factor, imaging.NearestNeighbor)
	}
	return imaging.Fit(picture, tile, tile, imaging.Lanczos)
}

func newFace() (font.Face, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("draw sheet: %w", err)
	}
	return opentype.NewFace(parsed, &opentype.FaceOptions{Size: fontSize, DPI: 72, Hinting: font.HintingFull})
}

// write writes lines below the tile of a column. A line that is wider than the
// tile is cut and ends in "…".
func write(sheet *image.NRGBA, face font.Face, c color.Color, column, top int, lines []string) {
	left := margin + column*(tile+margin)
	drawer := font.Drawer{Dst: sheet, Src: image.NewUniform(c), Face: face}
	for i, line := range lines {
		drawer.Dot = fixed.P(left, top+(i+1)*lineHeight+2)
		drawer.DrawString(shorten(&drawer, line))
	}
}

func shorten(d *font.Drawer, line string) string {
	runes := []rune(line)
	for n := len(runes); d.MeasureString(line) > fixed.I(tile) && n > 0; n-- {
		line = string(runes[:n-1]) + "…"
	}
	return line
}

// shortenMiddle leaves out the middle of a name that is too wide for a tile: the end of
// a file's path says more than its start.
func shortenMiddle(d *font.Drawer, name string) string {
	const most = tile / 2 // characters: a tile has no room for more
	runes := []rune(name)
	for n := min(len(runes)-1, most); d.MeasureString(name) > fixed.I(tile) && n > 0; n-- {
		name = string(runes[:n/2]) + "…" + string(runes[len(runes)-(n-n/2):])
	}
	return name
}

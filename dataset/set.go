package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
)

// The channels of an image: grey, or red, green and blue.
const (
	grey   = 1
	colour = 3
)

// maxSide is the longest side of an image, that of JPEG.
const maxSide = 1<<16 - 1

// Set is a labelled set of images of one size, in colour or grey, held in memory or, if
// Streams, read when they are asked for. Nothing
// in this package changes a Set after it is returned; share it freely, and do
// not write to its slices. The images of one that [Load] draws are drawn when
// they are first asked for, which no one but the clock can tell. Whether one of
// your own is whole, Validate tells.
type Set struct {
	// Name says where the images come from, such as "cifar10".
	Name string
	// Classes are the names of the classes; a label is an index into it.
	Classes []string
	// Height and Width are the size of every image in pixels.
	Height, Width int
	// Grey images have one channel, others three: red, green and blue.
	Grey bool
	// Pixels are the images one after the other, each row by row, each pixel
	// channel by channel: shape [Len, Height, Width, Channels], values 0..255. It is
	// nil in a set that Load draws, which Image and Images read, and in one that Streams.
	Pixels []uint8
	// Labels are the classes of the images: shape [Len], values
	// 0..len(Classes)-1.
	Labels []int32
	// Targets is nil, or tells of each image which classes it has where it may have
	// several: shape [Len, len(Classes)], values 1 and 0. Its label then is the first of
	// them, and 0 if it has none.
	Targets []uint8
	// Files are the files that the images come from, one an image, by their paths
	// below the set's folder with forward slashes. It is nil if they come from none.
	Files []string
	// Decoder names what decodes JPEG images, with its version; empty if there are none.
	Decoder string
	// Skipped are files that hold images of the set but could not be read.
	Skipped []SkippedFile

	drawing Drawing // nil if there are Pixels
	stream  Stream  // nil if the images are in memory
}

// SkippedFile is a file that could not be read.
type SkippedFile struct {
	// File is its path below the set's folder, with forward slashes.
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// Drawing makes the images of a set when they are first asked for. Several
// goroutines use it at once.
type Drawing interface {
	// Image returns image i, shape [Height, Width, Channels].
	Image(i int) []uint8
	// Draw makes the images from..to-1, until ctx is done.
	Draw(ctx context.Context, from, to int) error
	// Pixels are those of all images; of an image that is not drawn they are 0.
	Pixels() []uint8
	// KnownHash is the Hash of the first n images if it is known without drawing
	// them, else "".
	KnownHash(n int) string
}

// NewDrawn returns the set without its pixels, which the drawing makes.
func NewDrawn(s Set, d Drawing) *Set {
	s.Pixels, s.drawing = nil, d
	return &s
}

// Validate reports whether a set that was made in Go is one: as many pixels as its
// labels and its size say, as many files if it names any, and each label that of a class.
func (s *Set) Validate() error {
	wrong := func(record int, format string, args ...any) error {
		return &Error{Record: record, Err: fmt.Errorf(format, args...)}
	}
	if s.Height < 1 || s.Width < 1 || s.Height > maxSide || s.Width > maxSide {
		return wrong(NoRecord, "images of %dx%d pixels: a side is outside 1..%d", s.Height, s.Width, maxSide)
	}
	if want := s.Len() * s.imageSize(); s.drawing == nil && s.stream == nil && len(s.Pixels) != want {
		return wrong(NoRecord, "%d images of %dx%d pixels have %d bytes, got %d", s.Len(), s.Height, s.Width, want, len(s.Pixels))
	}
	if s.Files != nil && len(s.Files) != s.Len() {
		return wrong(NoRecord, "%d files for %d images", len(s.Files), s.Len())
	}
	if err := s.validateTargets(); err != nil {
		return err
	}
	if len(s.Classes) == 0 {
		return wrong(NoRecord, "the set has no names of classes")
	}
	for i, label := range s.Labels {
		if label < 0 || int(label) >= len(s.Classes) {
			return wrong(i, "label %d is outside 0..%d", label, len(s.Classes)-1)
		}
	}
	return nil
}

// validateTargets reports whether the targets are those of the images.
func (s *Set) validateTargets() error {
	if s.Targets == nil {
		return nil
	}
	classes := len(s.Classes)
	if len(s.Targets) != s.Len()*classes {
		return &Error{Record: NoRecord, Err: fmt.Errorf("%d targets for %d images of %d classes", len(s.Targets), s.Len(), classes)}
	}
	for i, t := range s.Targets {
		if t > 1 {
			return &Error{Record: i / classes, Err: fmt.Errorf("target %d of class %d is neither 0 nor 1", t, i%classes)}
		}
	}
	return nil
}

// MultiLabel reports whether images may have several classes.
func (s *Set) MultiLabel() bool { return s.Targets != nil }

// Target tells of each class, 1 or 0, whether image i has it, in a set of Targets. It
// shares the set's memory.
func (s *Set) Target(i int) []uint8 {
	n := len(s.Classes)
	return s.Targets[i*n : (i+1)*n : (i+1)*n]
}

// Len is the number of images.
func (s *Set) Len() int { return len(s.Labels) }

// Size is the height and the width of every image in pixels.
func (s *Set) Size() (height, width int) { return s.Height, s.Width }

// Channels is 1 of grey images and 3 of others.
func (s *Set) Channels() int {
	if s.Grey {
		return grey
	}
	return colour
}

// Image is the i-th image, shape [Height, Width, Channels]. It shares the set's
// memory. It is nil if the set Streams.
func (s *Set) Image(i int) []uint8 {
	if s.stream != nil {
		return nil
	}
	if s.drawing != nil {
		return s.drawing.Image(i)
	}
	n := s.imageSize()
	return s.Pixels[i*n : (i+1)*n : (i+1)*n]
}

// Images are the images from..to-1, shape [to-from, Height, Width, Channels]. They
// share the set's memory, and are nil if it Streams.
func (s *Set) Images(from, to int) []uint8 {
	if s.stream != nil {
		return nil
	}
	pixels := s.Pixels
	if s.drawing != nil {
		_ = s.drawing.Draw(context.Background(), from, to) // is not interrupted
		pixels = s.drawing.Pixels()
	}
	n := s.imageSize()
	return pixels[from*n : to*n : to*n]
}

// Draw draws the images that [Load] has not drawn yet, on all cores: seconds for
// the whole synthetic set. Without it they are drawn when they are asked for,
// which nothing interrupts.
func (s *Set) Draw(ctx context.Context) error {
	if s.drawing == nil {
		return nil
	}
	return s.drawing.Draw(ctx, 0, s.Len())
}

// Label is the class of the i-th image.
func (s *Set) Label(i int) int32 { return s.Labels[i] }

// Head is the set of the first n images, or of all when there are fewer. It
// shares the memory of s.
func (s *Set) Head(n int) *Set {
	n = max(0, min(n, s.Len()))
	head := *s
	if s.drawing == nil && s.stream == nil {
		head.Pixels = s.Pixels[: n*s.imageSize() : n*s.imageSize()]
	}
	head.Labels = s.Labels[:n:n]
	if s.Targets != nil {
		head.Targets = s.Targets[: n*len(s.Classes) : n*len(s.Classes)]
	}
	if s.Files != nil {
		head.Files = s.Files[:n:n]
	}
	return &head
}

// Hash identifies what a training run sees: the SHA-256, in hexadecimal, of
// the sizes, the class names, the labels and the pixels. The name of the set
// is not part of it, so a set has the same hash after it is written to files
// and read back. Of a set that Streams the names and sizes of the files and the
// way in which they are decoded take the place of the pixels. That of the whole synthetic set is known before it is drawn;
// [Set.Check] tells whether it was right.
func (s *Set) Hash() string {
	hash, _ := s.HashContext(context.Background()) // is not interrupted
	return hash
}

// HashContext is Hash, which ends with ctx if the set is to be drawn for it.
func (s *Set) HashContext(ctx context.Context) (string, error) {
	if s.stream != nil {
		return s.streamHash(), ctx.Err()
	}
	if known := s.knownHash(); known != "" {
		return known, nil
	}
	if err := s.Draw(ctx); err != nil {
		return "", err
	}
	return s.hash(), nil
}

// Check reports whether the images of the set have its Hash. Only where that was
// known before they were drawn can they have another: on a machine that rounds
// otherwise. It draws those that are not drawn yet.
func (s *Set) Check() error {
	known := s.knownHash()
	if known == "" {
		return nil
	}
	if hash := s.hash(); hash != known {
		return fmt.Errorf("draw synthetic set: its %d images have the SHA-256 %s on this machine, not %s "+
			"(write the files with 'pipeline data synth' on another machine, and use --set data.path=DIR)", s.Len(), hash, known)
	}
	return nil
}

// knownHash is the set's hash if it is known without drawing the set, else "".
func (s *Set) knownHash() string {
	if s.drawing == nil {
		return ""
	}
	return s.drawing.KnownHash(s.Len())
}

func (s *Set) hash() string {
	h := sha256.New()
	s.hashHead(h)
	h.Write(s.Images(0, s.Len()))
	return hex.EncodeToString(h.Sum(nil))
}

// hashHead adds everything but the pixels to h.
func (s *Set) hashHead(h hash.Hash) {
	if s.Grey {
		// Without it, a grey image of 3x9 pixels could have the hash of one of 3x3 in colour.
		hashInts(h, grey)
	}
	hashInts(h, s.Len(), s.Height, s.Width, len(s.Classes))
	for _, class := range s.Classes {
		// The length keeps "ab","c" and "a","bc" apart.
		hashInts(h, len(class))
		h.Write([]byte(class))
	}
	labels := make([]byte, 0, 4*len(s.Labels))
	for _, label := range s.Labels {
		labels = binary.LittleEndian.AppendUint32(labels, uint32(label))
	}
	h.Write(labels)
	h.Write(s.Targets)
}

// hashInts adds the values to h, eight bytes each.
func hashInts(h hash.Hash, values ...int) {
	for _, v := range values {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
	}
}

// imageSize is the number of bytes of one image.
func (s *Set) imageSize() int { return s.Height * s.Width * s.Channels() }

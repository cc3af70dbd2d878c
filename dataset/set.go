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

// maxSide is the longest side of an image, which is that of JPEG.
const maxSide = 1<<16 - 1

// Set is a labelled set of images of one size, in colour or grey. They are in memory or, if
// the set Streams, are read when they are needed. This package never changes a Set after it
// was returned. Sets may be shared, but do not write to their slices. The images of the
// synthetic set are drawn when they are first needed, which makes no difference except in
// time. Validate checks a Set that a program made itself.
type Set struct {
	// Name says where the images come from, for example "cifar10".
	Name string
	// Classes has the names of the classes; a label is an index into it.
	Classes []string
	// Height and Width are the size of every image in pixels.
	Height, Width int
	// Grey images have one channel, others three: red, green and blue.
	Grey bool
	// Pixels has the images one after the other, each row by row, each pixel channel by
	// channel: shape [Len, Height, Width, Channels], values 0..255. It is nil if images are
	// drawn when needed, in which case Image and Images return them, and if the set
	// Streams.
	Pixels []uint8
	// Labels has the classes of the images: shape [Len], values 0..len(Classes)-1.
	Labels []int32
	// Targets, if images may have several classes, has 1 for each class that an image has
	// and 0 for the others: shape [Len, len(Classes)]. The label of such an image is its
	// first class, or 0 if it has none. Otherwise Targets is nil.
	Targets []uint8
	// Files has the file of each image, as a path below the set's folder with forward
	// slashes. It is nil if the images do not come from files.
	Files []string
	// Decoder is the name and version of the decoder of JPEG images; empty if there are
	// none.
	Decoder string
	// Skipped has the files of the set that could not be read.
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

// Drawing draws the images of a set when they are first needed. It must be safe for
// concurrent use.
type Drawing interface {
	// Image returns image i, shape [Height, Width, Channels].
	Image(i int) []uint8
	// Draw draws the images from..to-1, until ctx is done.
	Draw(ctx context.Context, from, to int) error
	// Pixels returns the pixels of all images; those of images that are not drawn are 0.
	Pixels() []uint8
	// KnownHash returns the Hash of the first n images if it is known without drawing them,
	// else "".
	KnownHash(n int) string
}

// NewDrawn returns the set without pixels, which the drawing supplies.
func NewDrawn(s Set, d Drawing) *Set {
	s.Pixels, s.drawing = nil, d
	return &s
}

// Validate checks a set that a program made: its number of pixels must fit its labels and
// its size, its files, if there are any, must be as many as its images, and each label must
// be that of a class.
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

// validateTargets checks that the targets fit the images.
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

// Target returns, for each class, 1 if image i has it and 0 if not, in a set with Targets.
// It shares the set's memory.
func (s *Set) Target(i int) []uint8 {
	n := len(s.Classes)
	return s.Targets[i*n : (i+1)*n : (i+1)*n]
}

// Len returns the number of images.
func (s *Set) Len() int { return len(s.Labels) }

// Size returns the height and the width of every image in pixels.
func (s *Set) Size() (height, width int) { return s.Height, s.Width }

// Channels returns 1 for grey images and 3 for others.
func (s *Set) Channels() int {
	if s.Grey {
		return grey
	}
	return colour
}

// Image returns the i-th image, shape [Height, Width, Channels]. It shares the set's
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

// Images returns the images from..to-1, shape [to-from, Height, Width, Channels]. They
// share the set's memory. It returns nil if the set Streams.
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

// Draw draws the images that are not drawn yet, on all cores, which takes seconds for the
// whole synthetic set. Without Draw, they are drawn when they are needed, which cannot be
// interrupted.
func (s *Set) Draw(ctx context.Context) error {
	if s.drawing == nil {
		return nil
	}
	return s.drawing.Draw(ctx, 0, s.Len())
}

// Label returns the class of the i-th image.
func (s *Set) Label(i int) int32 { return s.Labels[i] }

// Head returns the set of the first n images, or of all if there are fewer. It shares the
// memory of s.
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

// Hash identifies what a training run sees: it is the SHA-256, in hexadecimal, of the
// sizes, the class names, the labels and the pixels. The name of the set is not part of it,
// so a set keeps its hash when it is written to files and read back. If the set Streams,
// the names and sizes of the files and the way in which they are decoded take the place of
// the pixels. The hash of the whole synthetic set is known before it is drawn; [Set.Check]
// verifies it.
func (s *Set) Hash() string {
	hash, _ := s.HashContext(context.Background()) // is not interrupted
	return hash
}

// HashContext is Hash, but stops drawing the set when ctx is done.
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

// Check checks that the images of the set have its Hash. They can have another one only if
// the hash was known before they were drawn, on a machine that rounds differently. Check
// draws the images that are not drawn yet.
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

// knownHash returns the set's hash if it is known without drawing the set, else "".
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
		// Without this, a grey image of 3x9 pixels could have the same hash as an image of
		// 3x3 in colour.
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

// imageSize returns the number of bytes of one image.
func (s *Set) imageSize() int { return s.Height * s.Width * s.Channels() }

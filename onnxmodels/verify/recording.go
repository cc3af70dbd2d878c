package verify

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"onnxlab/internal/durable"
	"onnxlab/internal/npz"
)

// Recording holds the outputs of ONNX Runtime for some images, for comparisons
// where there is no ONNX Runtime.
type Recording struct {
	// ModelSHA256 is the hash of the model's bytes, in hexadecimal digits.
	ModelSHA256 string
	// Images are [n, Height, Width, Channels].
	Height, Width, Channels int
	Images                  []uint8
	Outputs                 Outputs
}

// The names of the arrays in a recording.
const (
	arrayModel         = "model_sha256"
	arrayImages        = "images"
	arrayLogits        = "logits"
	arrayProbabilities = "probabilities"
)

// Write writes the recording to a .npz file that NumPy can read: images uint8
// [n, height, width, channels], logits and probabilities float32 [n, classes], and
// model_sha256, 32 bytes.
func (r Recording) Write(path string) error {
	hash, err := hex.DecodeString(r.ModelSHA256)
	if err != nil {
		return fmt.Errorf("record outputs: hash of the model: %w", err)
	}
	size, o := r.Height*r.Width*r.Channels, r.Outputs
	if r.Height < 1 || r.Width < 1 || r.Channels < 1 || o.Classes < 1 || len(r.Images) == 0 || len(r.Images)%size != 0 ||
		len(o.Logits) != len(r.Images)/size*o.Classes || len(o.Probabilities) != len(o.Logits) {
		return fmt.Errorf("record outputs: %d bytes of images of %dx%d pixels, %d logits and %d probabilities of %d classes do not go together",
			len(r.Images), r.Height, r.Width, len(o.Logits), len(o.Probabilities), o.Classes)
	}
	n := len(r.Images) / size
	archive := npz.Archive{
		arrayModel:         npz.Uint8s(hash, len(hash)),
		arrayImages:        npz.Uint8s(r.Images, n, r.Height, r.Width, r.Channels),
		arrayLogits:        npz.Float32s(r.Outputs.Logits, n, r.Outputs.Classes),
		arrayProbabilities: npz.Float32s(r.Outputs.Probabilities, n, r.Outputs.Classes),
	}
	return durable.WriteFile(path, func(w io.Writer) error { return npz.Write(w, archive) })
}

// ReadRecording reads a recording that Write wrote.
func ReadRecording(path string) (Recording, error) {
	archive, err := npz.Read(path)
	if err != nil {
		return Recording{}, err
	}
	image, logits := archive[arrayImages].Shape, archive[arrayLogits].Shape
	if len(image) != 4 || len(logits) != 2 {
		return Recording{}, fmt.Errorf("read %q: it is not a recording of outputs: images are %v, logits %v", path, image, logits)
	}
	n, classes := image[0], logits[1]
	for name, want := range map[string]npz.Array{
		arrayModel:         {DType: "u1", Shape: []int{32}},
		arrayImages:        {DType: "u1", Shape: []int{n, image[1], image[2], image[3]}},
		arrayLogits:        {DType: "f4", Shape: []int{n, classes}},
		arrayProbabilities: {DType: "f4", Shape: []int{n, classes}},
	} {
		if a := archive[name]; a.DType != want.DType || !slices.Equal(a.Shape, want.Shape) || n < 1 || classes < 1 {
			return Recording{}, fmt.Errorf("read %q: it is not a recording of outputs: %q is %s%v, want %s%v",
				path, name, a.DType, a.Shape, want.DType, want.Shape)
		}
	}
	return Recording{
		ModelSHA256: hex.EncodeToString(archive[arrayModel].Uint8()),
		Height:      image[1], Width: image[2], Channels: image[3], Images: archive[arrayImages].Uint8(),
		Outputs: Outputs{
			Runtime: "the recording", Classes: classes,
			Logits: archive[arrayLogits].Float32(), Probabilities: archive[arrayProbabilities].Float32(),
		},
	}, nil
}

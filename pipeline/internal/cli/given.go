package cli

import (
	"errors"

	"github.com/spf13/pflag"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// givenFlags say how a model that 'export model' has not written takes images.
type givenFlags struct {
	normalize string
	size      ImageSize
}

func (f *givenFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.normalize, "normalize", configs.NormalizeAuto,
		"how images are normalised for a given model: 0..1, -1..1, 0..255, imagenet, MEAN,MEAN,MEAN/DEVIATION,DEVIATION,DEVIATION, or auto to read it from the model's metadata")
	flags.Var(&f.size, "size", "height and width of images in pixels, for a given model that accepts several sizes")
}

// inference converts the model of a file into one such as 'export model' writes.
func (f *givenFlags) inference(m *modelfile.Model, path string) (*modelfile.Model, error) {
	o := onnxmodels.InputOptions{Height: f.size.Height, Width: f.size.Width}
	if f.normalize != "" && f.normalize != configs.NormalizeAuto {
		n, err := onnxmodels.ParseNormalization(f.normalize)
		if err != nil {
			return nil, BadUsagef("--normalize: %w", err)
		}
		o.Normalization = &n
	}
	inference, err := onnxmodels.InferenceOf(m, o)
	if errors.Is(err, importer.ErrOpenSize) {
		return nil, BadUsagef("model %q: %w: give --size", path, err)
	}
	if err != nil {
		return nil, BadDataf("read model %q: %w", path, err)
	}
	return inference, nil
}

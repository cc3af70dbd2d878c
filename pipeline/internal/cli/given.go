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

// refuse returns an error if a flag is given. why says why the model cannot have it.
func (f *givenFlags) refuse(why string) error {
	switch {
	case f.normalizes():
		return BadUsagef("--normalize %s: %s", f.normalize, why)
	case f.size != (ImageSize{}):
		return BadUsagef("--size %s: %s", &f.size, why)
	}
	return nil
}

// normalizes reports whether a normalisation is given.
func (f *givenFlags) normalizes() bool {
	return f.normalize != "" && f.normalize != configs.NormalizeAuto
}

// inference converts the model of a file into one such as 'export model' writes.
func (f *givenFlags) inference(m *modelfile.Model, path string) (*modelfile.Model, error) {
	o := onnxmodels.InputOptions{Height: f.size.Height, Width: f.size.Width}
	if height, width, err := importer.ImageSize(m); err == nil {
		if err := f.size.RefuseOther(path, height, width); err != nil {
			return nil, err
		}
	}
	if f.normalizes() {
		if _, err := onnxmodels.SignatureOf(m); err == nil {
			return nil, BadUsagef("--normalize %s: %q takes images as they are, with the normalisation inside: leave the flag out", f.normalize, path)
		}
		n, err := onnxmodels.ParseNormalization(f.normalize)
		if err != nil {
			return nil, BadUsagef("--normalize: %w", err)
		}
		o.Normalization = &n
	}
	inference, err := onnxmodels.InferenceOf(m, o)
	if wrong := (*onnxmodels.NormalizationError)(nil); errors.As(err, &wrong) {
		return nil, BadUsagef("--normalize: model %q: %s", path, wrong.Problem)
	}
	if errors.Is(err, importer.ErrOpenSize) {
		return nil, BadUsagef("model %q: %w: give --size", path, err)
	}
	if err != nil {
		return nil, BadDataf("read model %q: %w", path, err)
	}
	return inference, nil
}

package trainloop

import (
	"fmt"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
)

// withNetwork returns the experiment with the kind and the classes of the network n, if n
// is not nil.
func withNetwork(e configs.Experiment, n *onnxmodels.Network) configs.Experiment {
	if n != nil {
		e.Model.Kind, e.Model.Classes = configs.KindOwn, n.Classes()
	}
	return e
}

// network returns the network that is trained, and checks that the training images fit it.
func (o *Options) network() (*onnxmodels.Network, error) {
	height, width := o.Train.Size()
	n := o.Network
	if n == nil {
		var err error
		if n, err = networkFor(o.Experiment, o.Train); err != nil {
			return nil, err
		}
	}
	if c := o.Train.Channels(); c != n.Channels() {
		return nil, &SettingError{"data.channels", fmt.Sprintf("the network takes images of %s, but the training images have %d: set it to %d", channelsText(n.Channels()), c, n.Channels())}
	}
	if o.Network == nil {
		return n, nil
	}
	n = n.WithLoss(o.Experiment.Train.Loss).WithMultiLabel(o.Train.MultiLabel())
	if h, w := n.Size(); h != height || w != width {
		return nil, &SettingError{"network", fmt.Sprintf("it takes images of %dx%d pixels, but the training images are %dx%d", h, w, height, width)}
	}
	if name := n.InputName(); name != onnxmodels.InputImage {
		return nil, &SettingError{"network", fmt.Sprintf("its input %q is that of a given model, so it is not known how to convert bytes to it: set onnxmodels.GivenOptions.Normalization", name)}
	}
	return n, nil
}

// networkFor returns the experiment's network for the images of a set. It takes their
// channels from the set and not from the data settings, since a program may have made the
// set itself.
func networkFor(e configs.Experiment, set *dataset.Set) (*onnxmodels.Network, error) {
	height, width := set.Size()
	e.Data.Channels = set.Channels()
	n, err := Network(e, height, width)
	if err != nil {
		return nil, err
	}
	return n.WithMultiLabel(set.MultiLabel()), nil
}

func channelsText(n int) string {
	if n == 1 {
		return "1 channel"
	}
	return fmt.Sprintf("%d channels", n)
}

// fingerprint returns the fingerprint of Options.Network; "" if that is nil.
func (o *Options) fingerprint() (string, error) {
	if o.Network == nil {
		return "", nil
	}
	return o.Network.Fingerprint(o.Experiment.Seed)
}

// checkNetwork returns a *Mismatch if the run began with another network than it is given
// now.
func (r *run) checkNetwork() error {
	if began := r.environment.Network; began != r.fingerprint {
		return &Mismatch{Dir: r.Dir, Differences: []string{fmt.Sprintf("network: fingerprint %.12s became %.12s", began, r.fingerprint)}}
	}
	return nil
}

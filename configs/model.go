package configs

import (
	"fmt"
	"slices"
	"strings"

	"onnxlab/internal/normalization"
)

// The architectures of [Model].
const (
	// KindCNN is the network of the study, the article that README.md describes: plain
	// convolutions.
	KindCNN = "cnn"
	// KindResNet is a residual network (He et al. 2016).
	KindResNet = "resnet"
	// KindMobileNet is MobileNetV2 (Sandler et al. 2018).
	KindMobileNet = "mobilenet"
	// KindONNX is a classifier that is read from an ONNX file.
	KindONNX = "onnx"
	// KindOwn is a network that a Go program supplies (trainloop.Options.Network). No file
	// describes it.
	KindOwn = "own"
)

// The forms of networks of the literature.
const (
	// FormCIFAR is for small images: the first layers keep their size.
	FormCIFAR = "cifar"
	// FormImageNet is for large images: the first layers reduce their size.
	FormImageNet = "imagenet"
)

// ActivationAuto is the usual activation of the kind of network.
const ActivationAuto = "auto"

// built lists the kinds of networks that are built from settings.
func built() []string { return []string{KindCNN, KindResNet, KindMobileNet} }

// stages returns the number of stages of the network.
func (m *Model) stages() int {
	switch {
	case m.Kind == KindCNN:
		return len(m.Widths)
	case m.Kind == KindMobileNet:
		return 7
	case m.Form == FormImageNet:
		return 4
	}
	return 3
}

// checkModel finds settings of the network that contradict each other or do not fit the
// size of the images.
func (e *Experiment) checkModel(add func(key, other, format string, args ...any)) {
	m := e.Model
	switch m.Kind {
	case KindONNX:
		if m.Path == "" {
			add("model.path", "model.kind", "is empty: model.kind %s needs the path of a model", KindONNX)
		}
		if m.Normalize == "" {
			add("model.normalize", "model.kind", "is empty: say how the model takes images, or %s to use its metadata", NormalizeAuto)
		}
	case KindCNN:
		side := min(e.Data.Sides())
		if halvings := len(m.Widths) - 1; len(m.Strides) == 0 && side>>halvings == 0 {
			add("model.widths", "data.size", "%d stages halve an image of %d pixels to nothing", halvings+1, side)
		}
	case KindResNet:
		if problem := depthProblem(m.Form, m.Depth); problem != "" {
			add("model.depth", "model.form", "%s", problem)
		}
	}
	// A given model takes grey images as it is made to: only its file tells.
	mean, deviation, _ := normalization.Parse(m.Normalize) // no mistake: its rule has been checked
	if slices.Contains(built(), m.Kind) && max(len(mean), len(deviation)) > 1 && e.Data.ImageChannels() == 1 {
		add("model.normalize", "data.channels", "%q has numbers for 3 channels, but the images are grey: give one, as 0.5/0.5, or set data.channels to 3", m.Normalize)
	}
	if n := m.stages(); slices.Contains(built(), m.Kind) && len(m.Strides) != 0 && len(m.Strides) != n {
		add("model.strides", "model.kind", "there are %d, but the network has %d stages: give one for each, or []", len(m.Strides), n)
	}
}

// refuseOwn adds a finding if the kind is KindOwn, which a user's file cannot ask for since only
// a program can supply the network. Files in run directories, and experiments made in Go, may
// name it.
func (e *Experiment) refuseOwn(add func(key, other, format string, args ...any)) {
	if e.Model.Kind == KindOwn {
		add("model.kind", "model.kind", "%s is a network that a Go program supplies (trainloop.Options.Network), which no file can describe: set %s or %s",
			KindOwn, strings.Join(built(), ", "), KindONNX)
	}
}

// depthProblem says why a form has no network of that depth, or returns "".
func depthProblem(form string, depth int) string {
	const large = "18, 34, 50, 101 and 152"
	named := strings.Contains(" 18 34 50 101 152 ", fmt.Sprintf(" %d ", depth))
	switch {
	case form == FormImageNet && !named:
		return fmt.Sprintf("%d is not one of %s, the depths of model.form %s", depth, large, form)
	case form == FormCIFAR && (depth < 8 || (depth-2)%6 != 0):
		return fmt.Sprintf("%d is not of the form 6n+2, such as 20, 32, 44, 56 or 110, as model.form %s requires; set that to %s for %s", depth, form, FormImageNet, large)
	}
	return ""
}

// remarkModel finds settings that were changed but that the kind of network does not have.
func (e *Experiment) remarkModel(add func(key, other, format string, args ...any)) {
	for _, s := range newKeys().settings {
		if !s.appliesTo(e) && !s.isDefault(e) {
			add(s.key, "model.kind", "%v does nothing, since model.kind %s has no such setting", s.get(e), e.Model.Kind)
		}
	}
}

// isDefault reports whether the setting has its default.
func (s *setting) isDefault(e *Experiment) bool {
	defaults := Default()
	return equal(s.get(e), s.get(&defaults))
}

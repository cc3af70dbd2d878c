package warmstart

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/rundir"
)

// Misfit is the error for parameters that belong to another network.
type Misfit struct {
	// From names the source.
	From string
	// Differences has one line for each parameter that does not fit.
	Differences []string
	// Network lists the settings of the source's network; empty if they are unknown.
	Network string
}

// maxDifferences is how many differences a message lists.
const maxDifferences = 12

// Error lists the first differences and counts the others.
func (e *Misfit) Error() string {
	lines := slices.Clone(e.Differences[:min(len(e.Differences), maxDifferences)])
	if more := len(e.Differences) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	advice := "use the model settings of the source"
	if e.Network != "" {
		advice = "the network of the source has " + e.Network
	}
	return fmt.Sprintf("the parameters of %s do not fit the network:\n  %s\n%s", e.From, strings.Join(lines, "\n  "), advice)
}

// Fit returns a checkpoint of the network with the parameters of the source. If the
// classes differ, the parameters of the last layer are initialised from the seed
// instead. Classes are the same if their names are equal, or if one side has no names
// and their number is equal. Parameters of another network are a *Misfit error;
// parameters that are not finite are a *rundir.DataError.
func (s *Source) Fit(n *onnxmodels.Network, classes []string, seed uint64) (*checkpoint.Checkpoint, Start, error) {
	start := Start{From: s.String()}
	own := map[string]checkpoint.Tensor{}
	for _, t := range s.Parameters {
		own[t.Name] = t
	}
	classifier := lastLayer(n)
	var err error
	if start.Reason, err = s.compare(n, own, classifier); err != nil {
		return nil, start, err
	}
	if start.Reason == "" && len(classes) > 0 && len(s.Classes) > 0 && !slices.Equal(classes, s.Classes) {
		start.Reason = "its classes have other names"
	}
	c := n.Initialize(seed)
	for _, list := range [][]checkpoint.Tensor{c.Trainable, c.Frozen} {
		for i := range list {
			name := list[i].Name
			if name == onnxmodels.StepCounter {
				continue // counts the steps of this run
			}
			if start.Reason != "" && slices.Contains(classifier, name) {
				start.New = append(start.New, name)
				continue
			}
			if !finite(own[name].Data) {
				return nil, start, s.fault("parameter %s has numbers that are not finite, as after a training that diverged: take an earlier checkpoint", name)
			}
			list[i].Data = own[name].Data
			start.Taken++
		}
	}
	return c, start, nil
}

// compare returns a *Misfit if parameters do not fit. If only the number of classes
// differs, it returns that as the reason to draw a new classifier instead.
func (s *Source) compare(n *onnxmodels.Network, own map[string]checkpoint.Tensor, classifier []string) (reason string, err error) {
	other := maps.Clone(own)
	delete(other, onnxmodels.StepCounter)
	misfit := &Misfit{From: s.String(), Network: s.Network}
	differs := func(name, format string, args ...any) {
		misfit.Differences = append(misfit.Differences, printable.Name(name)+": "+fmt.Sprintf(format, args...))
	}
	normalised := false
	for _, p := range n.Parameters() {
		if p.Name == onnxmodels.StepCounter {
			continue
		}
		normalised = normalised || !p.Trainable
		t, found := own[p.Name]
		delete(other, p.Name)
		switch {
		case !found:
			differs(p.Name, "is missing in the source")
		case elements(t.Shape) != len(t.Data):
			differs(p.Name, "has %d elements in the source, not %d", len(t.Data), elements(t.Shape))
		case slices.Equal(t.Shape, p.Shape):
		case slices.Contains(classifier, p.Name) && differInLast(t.Shape, p.Shape):
			reason = fmt.Sprintf("it has %d classes, and the network has %d", t.Shape[len(t.Shape)-1], p.Shape[len(p.Shape)-1])
		default:
			differs(p.Name, "has the shape %v in the source, not %v", t.Shape, p.Shape)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(other)) {
		differs(name, "is not in the network")
	}
	if len(misfit.Differences) == 0 {
		return reason, nil
	}
	if s.folded && normalised {
		return "", s.foldedFault()
	}
	return "", misfit
}

// lastLayer returns the names of the parameters of the network's last layer, which
// is its classifier.
func lastLayer(n *onnxmodels.Network) []string {
	parameters := n.Parameters()
	if len(parameters) == 0 {
		return nil
	}
	last := parameters[len(parameters)-1].Name
	layer := last[:strings.LastIndex(last, ".")+1]
	var names []string
	for _, p := range parameters {
		if strings.HasPrefix(p.Name, layer) {
			names = append(names, p.Name)
		}
	}
	return names
}

// differInLast reports whether two shapes are equal except for the last dimension,
// which is the number of classes.
func differInLast(a, b []int) bool {
	k := len(a) - 1
	return len(a) == len(b) && k >= 0 && slices.Equal(a[:k], b[:k])
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func finite(values []float32) bool {
	return !slices.ContainsFunc(values, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
}

// fault returns an error that names the source's file.
func (s *Source) fault(format string, args ...any) error {
	return &rundir.DataError{Path: s.Path, Message: fmt.Sprintf(format, args...)}
}

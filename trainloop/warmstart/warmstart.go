// Package warmstart lets a run begin with the parameters of another one.
//
//	source, err := warmstart.Read("runs/first") // a run, a snapshot, a checkpoint or a model
//	summary, err := trainloop.Run(ctx, trainloop.Options{From: source, …})
//
// or, for a training loop of one's own,
//
//	state, start, err := source.Fit(network, classes, seed)
//	fmt.Println(start) // what was taken, in a line
//
// The parameters are found by their names. A network for other classes gets all
// but those of its classifier, the last layer, which are initialised from the
// seed. Any other difference is a *Misfit. BatchNorm's running statistics come
// along; the state of the optimizer does not, nor does the counter of corrected
// statistics (onnxmodels.StepCounter), which begins at 0 again. With it the
// statistics that came along, which are those of other images and of other
// parameters, count as the values of any beginning do: the first step replaces them.
package warmstart

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"onnxlab/onnxmodels/checkpoint"
)

// Source is parameters that a run can begin with.
type Source struct {
	// Path is what they are from, as the user named it.
	Path string
	// Place is where in a run they are from, as "epoch 3, step 12", or for a copy what
	// it is of; empty where that is not known.
	Place string
	// Parameters are the trainable ones and BatchNorm's running statistics.
	Parameters []checkpoint.Tensor
	// Classes are the names of the classes; nil if they are not known.
	Classes []string
	// Network says by which settings the network was made; empty if that is not
	// known.
	Network string
	// folded tells that they are from a model without BatchNorm.
	folded bool
}

// SHA256 is the hash of all parameters: of their names, shapes and values. It is
// 64 hexadecimal digits, and the same whatever kind of file they are from.
func (s *Source) SHA256() string {
	parameters := slices.Clone(s.Parameters)
	slices.SortFunc(parameters, func(a, b checkpoint.Tensor) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, p := range parameters {
		fmt.Fprintf(h, "%q %v\n", p.Name, p.Shape)
		data := make([]byte, 0, 4*len(p.Data))
		for _, v := range p.Data {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// String names the source in messages.
func (s *Source) String() string {
	if s.Place == "" {
		return fmt.Sprintf("%q", s.Path)
	}
	return fmt.Sprintf("%q (%s)", s.Path, s.Place)
}

// Start is what became of a source's parameters.
type Start struct {
	// From names the source.
	From string
	// Taken counts the parameters that were taken, and New names those that were
	// initialised instead, for Reason.
	Taken  int
	New    []string
	Reason string
}

// String says it in a line.
func (s Start) String() string {
	if len(s.New) == 0 {
		return fmt.Sprintf("begins with all %d parameters of %s", s.Taken, s.From)
	}
	return fmt.Sprintf("begins with %d parameters of %s; %s are initialised anew, since %s",
		s.Taken, s.From, strings.Join(s.New, " and "), s.Reason)
}

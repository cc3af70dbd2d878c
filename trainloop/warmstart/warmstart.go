// Package warmstart lets a run begin with the parameters of another one.
//
//	source, err := warmstart.Read("runs/first") // a run, a snapshot, a checkpoint or a model
//	summary, err := trainloop.Run(ctx, trainloop.Options{From: source, …})
//
// or, in a program with its own training loop,
//
//	state, start, err := source.Fit(network, classes, seed)
//	fmt.Println(start) // one line: which parameters were used
//
// Parameters are matched by their names. If the network has other classes, the
// parameters of its classifier, which is the last layer, are initialised from the
// seed. Any other difference is a *Misfit error. BatchNorm's running statistics are
// used too, but not the state of the optimizer, nor the counter of corrected
// statistics (onnxmodels.StepCounter), which starts at 0 again. The first step
// therefore replaces corrected statistics completely, as it replaces initial ones:
// they describe other images and other parameters.
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

// Source holds parameters with which a run can begin.
type Source struct {
	// Path is the path from which the parameters were read, as the user named it.
	Path string
	// Place is the position in a run at which the parameters were saved, as "epoch 3,
	// step 12". For a file of [Source.Write] it names the original source. It is empty if
	// unknown.
	Place string
	// Parameters has the trainable parameters and BatchNorm's running statistics.
	Parameters []checkpoint.Tensor
	// Classes has the names of the classes; nil if they are not known.
	Classes []string
	// Network lists the settings that made the network; empty if they are not known.
	Network string
	// folded reports whether the parameters are from a model without BatchNorm.
	folded bool
}

// SHA256 returns the hash of the names, shapes and values of all parameters, as 64
// hexadecimal digits. It does not depend on the kind of file they were read from.
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

// Start says which parameters of a source a network uses.
type Start struct {
	// From names the source.
	From string
	// Taken is the number of parameters that are used. New names the parameters that
	// were initialised instead, and Reason says why.
	Taken  int
	New    []string
	Reason string
}

// String returns one line for the log.
func (s Start) String() string {
	if len(s.New) == 0 {
		return fmt.Sprintf("begins with all %d parameters of %s", s.Taken, s.From)
	}
	return fmt.Sprintf("begins with %d parameters of %s; %s are initialised at random, since %s",
		s.Taken, s.From, strings.Join(s.New, " and "), s.Reason)
}

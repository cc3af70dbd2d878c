package onnxmodels

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
)

// Fingerprint returns a hash, 64 hexadecimal digits of SHA-256, of what the network computes in
// training and of its initial parameters for the seed. It covers the operators of the layers,
// their names, attributes and constants, and the parameters. Equal networks have the same
// fingerprint in every process. Another version of this module may build a layer from other
// operators, which changes the fingerprint.
func (n *Network) Fingerprint(seed uint64) (string, error) {
	b := newBuilder("network")
	b.Training = true
	b.takeReset()
	n.forward(b, n.prepare(b, n.input(b, InputUint8NHWC)))
	if err := b.Err(); err != nil {
		return "", err
	}
	h := sha256.New()
	for _, p := range n.parameters {
		fmt.Fprintf(h, "parameter %q %v trainable %t decays %t\n", p.Name, p.Shape, p.Trainable, p.Decay)
	}
	for _, c := range b.Constants {
		fmt.Fprintf(h, "constant %s %x\n", c, sha256.Sum256(c.Data()))
	}
	for _, node := range b.Nodes {
		describe(h, node)
	}
	h.Write(checkpoint.Encode(n.Initialize(seed)))
	return hex.EncodeToString(h.Sum(nil)), nil
}

// describe writes everything that defines a node.
func describe(w io.Writer, n *graph.Node) {
	fmt.Fprintf(w, "%q %q %q", n.Domain, n.Op, n.Name)
	for _, list := range [][]*graph.Value{n.Inputs, n.Outputs} {
		for _, v := range list {
			if v == nil {
				fmt.Fprint(w, " -")
				continue
			}
			fmt.Fprintf(w, " %s", v)
		}
		fmt.Fprint(w, ";")
	}
	for _, a := range n.Attributes {
		value := a.Value
		if l, ok := value.(*graph.Literal); ok {
			value = *l
		}
		fmt.Fprintf(w, " %q=%v", a.Name, value)
	}
	fmt.Fprintln(w)
}

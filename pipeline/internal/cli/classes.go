package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"onnxlab/dataset"
)

// Adopt returns the set with the channels and the classes of the model, so that each label is the
// number of an output. It maps labels by the names of the classes, and writes a note to stderr
// if that changes them. If the model has no class names, labels stay as they are. The error says
// why the model cannot classify the images.
func (c *Classifier) Adopt(set *dataset.Set, stderr io.Writer) (*dataset.Set, error) {
	set = set.WithChannels(c.Channels)
	height, width := set.Size()
	switch {
	case height != c.Height || width != c.Width:
		return nil, fmt.Errorf("the images of %q have %dx%d pixels, but the model %q takes %dx%d (--set data.size=%d --set data.width=%d resizes those of folders)",
			set.Name, width, height, c.Path, c.Width, c.Height, c.Height, c.Width)
	case set.Len() == 0:
		return nil, fmt.Errorf("%q has no images", set.Name)
	case c.Unnamed && len(set.Classes) != len(c.Classes):
		return nil, fmt.Errorf("the images of %q have %d classes, but the model %q has %d classes without names, so that labels cannot be mapped",
			set.Name, len(set.Classes), c.Path, len(c.Classes))
	case c.Unnamed || slices.Equal(set.Classes, c.Classes):
		return set, nil
	}
	outputs, err := c.outputsOf(set)
	if err != nil {
		return nil, err
	}
	mapped := *set
	mapped.Classes, mapped.Labels = c.Classes, make([]int32, set.Len())
	for i, label := range set.Labels {
		mapped.Labels[i] = outputs[label]
	}
	if set.MultiLabel() {
		mapped.Targets = make([]uint8, set.Len()*len(c.Classes))
		for i := range set.Len() {
			for k, target := range set.Target(i) {
				mapped.Targets[i*len(c.Classes)+int(outputs[k])] = target
			}
		}
	}
	note := fmt.Sprintf("the images have %d of the %d classes that the model has: labels are mapped by their names", len(set.Classes), len(c.Classes))
	if len(set.Classes) == len(c.Classes) {
		note = "the images have the classes of the model in another order: labels are mapped by their names"
	}
	WriteNotes(stderr, []string{note})
	return &mapped, nil
}

// outputsOf returns, for each class of the set, the number of the model's output for it.
func (c *Classifier) outputsOf(set *dataset.Set) ([]int32, error) {
	number := map[string]int32{}
	for i, name := range c.Classes {
		if _, twice := number[name]; twice {
			return nil, fmt.Errorf("the model %q has two classes named %.120q: labels cannot be mapped by names", c.Path, name)
		}
		number[name] = int32(i)
	}
	var outputs []int32
	var unknown []string
	for _, name := range set.Classes {
		output, known := number[name]
		if !known {
			unknown = append(unknown, name)
		}
		outputs = append(outputs, output)
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("the model %q does not know %d of the %d classes of %q: %s (it knows %s)",
			c.Path, len(unknown), len(set.Classes), set.Name, quotedNames(unknown), quotedNames(c.Classes))
	}
	return outputs, nil
}

// quotedNames lists the names, or the first ones if there are many.
func quotedNames(names []string) string {
	const most = 12
	var quoted []string
	for _, name := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%.120q", name))
	}
	list := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

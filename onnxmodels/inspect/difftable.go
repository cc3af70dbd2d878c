package inspect

import (
	"fmt"
	"io"
	"text/tabwriter"

	"onnxlab/internal/printable"
)

// WriteTable writes the difference for people.
func (d *Difference) WriteTable(w io.Writer) error {
	if d.Equal {
		_, err := fmt.Fprintf(w, "no difference in %d tensors, structure and metadata\n", d.Same)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		name string
		list []ItemDifference
	}{{"structure", d.Structure}, {"metadata", d.Metadata}} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\tdifference\n", part.name)
		for _, item := range part.list {
			fmt.Fprintf(t, "%s\t%s\n", printable.Name(item.Name), item.How)
			if item.First != item.Second {
				fmt.Fprintf(t, "  first\t%s\n  second\t%s\n", printable.Line(item.First), printable.Line(item.Second))
			}
		}
		fmt.Fprintln(t)
	}
	if len(d.Tensors) > 0 {
		fmt.Fprint(t, "tensor\tdifference\tlargest\trelative RMS\t\n")
	}
	for _, x := range d.Tensors {
		switch {
		case x.Compared:
			note := ""
			if x.NotFinite > 0 {
				note = fmt.Sprintf("%d not finite", x.NotFinite)
			}
			fmt.Fprintf(t, "%s\t%s\t%.4g\t%.4g\t%s\n", printable.Name(x.Name), x.First, x.MaxAbs, x.RelativeRMS, note)
		case x.First != "" && x.Second != "":
			fmt.Fprintf(t, "%s\t%s, then %s\t\t\t\n", printable.Name(x.Name), x.First, x.Second)
		default:
			fmt.Fprintf(t, "%s\t%s, %s\t\t\t\n", printable.Name(x.Name), x.How, x.First+x.Second)
		}
	}
	fmt.Fprintf(t, "%d tensors are the same\n", d.Same)
	return t.Flush()
}

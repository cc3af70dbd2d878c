package inspect

import (
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"onnxlab/internal/printable"
)

// The measures of WriteSVG in pixels.
const (
	boxWidth   = 420
	boxHeight  = 44
	boxGap     = 18
	boxLeft    = 20
	laneWidth  = 9  // between the lines that pass nodes by
	mostLanes  = 24 // further ones share places
	titleSpace = 34
)

// WriteSVG draws the graph in one column, from the inputs at the top to the
// outputs, backward nodes in another colour. A line at the right passes by the
// nodes between two that are not neighbours.
func (r *ModelReport) WriteSVG(w io.Writer) error {
	d := r.drawing()
	height := titleSpace + len(d.boxes)*(boxHeight+boxGap)
	width := boxLeft + boxWidth + (mostLanes+2)*laneWidth
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	b.WriteString(`<style>.forward{fill:#e8f1fa;stroke:#0072b2}.backward{fill:#fbeee4;stroke:#c44e00}.value{fill:#f4f5f7;stroke:#555d66}` +
		`path{fill:none;stroke:#555d66}text{fill:#1b1f24}.small{font-size:11px;fill:#555d66}</style>` + "\n")
	b.WriteString(`<rect width="100%" height="100%" fill="#ffffff"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="20">%d parameters, %d multiply-adds forward and %d backward an image</text>`+"\n",
		boxLeft, r.Elements, r.Forward.MultiplyAdds, r.Backward.MultiplyAdds)
	for i, e := range d.edges {
		fmt.Fprintf(&b, `<path d="%s"/>`+"\n", edgePath(e, i))
	}
	for i, box := range d.boxes {
		y := boxTop(i)
		fmt.Fprintf(&b, `<g><rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="5"/>`, box.class, boxLeft, y, boxWidth, boxHeight)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, boxLeft+10, y+18, html.EscapeString(printable.Name(box.title)))
		fmt.Fprintf(&b, `<text class="small" x="%d" y="%d">%s</text></g>`+"\n", boxLeft+10, y+35, html.EscapeString(printable.Name(box.detail)))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func boxTop(i int) int { return titleSpace + i*(boxHeight+boxGap) }

// edgePath goes straight down to a neighbour, and else along a lane.
func edgePath(e edge, i int) string {
	from, to := boxTop(e.from)+boxHeight, boxTop(e.to)
	if e.to == e.from+1 {
		return fmt.Sprintf("M%d %dV%d", boxLeft+boxWidth/2, from, to)
	}
	right, lane := boxLeft+boxWidth, boxLeft+boxWidth+(i%mostLanes+1)*laneWidth
	return fmt.Sprintf("M%d %dH%dV%dH%d", right, from-boxHeight/2, lane, to+boxHeight/2, right)
}

// WriteDOT writes the graph in the language of Graphviz.
func (r *ModelReport) WriteDOT(w io.Writer) error {
	d := r.drawing()
	var b strings.Builder
	b.WriteString("digraph model {\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n")
	colors := map[string]string{PartForward: "#e8f1fa", PartBackward: "#fbeee4", "value": "#f4f5f7"}
	for i, box := range d.boxes {
		fmt.Fprintf(&b, "  n%d [label=%s, fillcolor=\"%s\"];\n", i, strconv.Quote(printable.Name(box.title)+"\n"+printable.Name(box.detail)), colors[box.class])
	}
	for _, e := range d.edges {
		fmt.Fprintf(&b, "  n%d -> n%d;\n", e.from, e.to)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// drawing is what both pictures show.
type drawing struct {
	boxes []box
	edges []edge
}

type box struct{ class, title, detail string }

// edge leads down from one box to another.
type edge struct{ from, to int }

// drawing puts the inputs, the nodes and the outputs in a row. Parameters are
// told in their nodes.
func (r *ModelReport) drawing() drawing {
	var d drawing
	from := map[string]int{} // values to the boxes that give them
	for _, v := range r.Inputs {
		from[v.Name] = len(d.boxes)
		d.boxes = append(d.boxes, box{"value", v.Name, "input  " + v.Type})
	}
	link := func(name string, last map[int]bool) {
		if i, ok := from[name]; ok && !last[i] {
			last[i] = true
			d.edges = append(d.edges, edge{i, len(d.boxes)})
		}
	}
	for _, n := range r.Nodes {
		linked := map[int]bool{}
		for _, in := range n.Inputs {
			link(in, linked)
		}
		for _, out := range n.Outputs {
			from[out] = len(d.boxes)
		}
		d.boxes = append(d.boxes, box{n.Part, n.Operator + "  " + n.Name, n.detail()})
	}
	for _, v := range r.Outputs {
		link(v.Name, map[int]bool{})
		d.boxes = append(d.boxes, box{"value", v.Name, "output  " + v.Type})
	}
	return d
}

func (n NodeReport) detail() string {
	text := n.Type
	if n.Parameters > 0 {
		text += fmt.Sprintf("  %d parameters", n.Parameters)
	}
	if n.Cost != nil && n.Cost.MultiplyAdds > 0 {
		text += fmt.Sprintf("  %.4g M multiply-adds", 1e-6*float64(n.Cost.MultiplyAdds))
	}
	return text
}

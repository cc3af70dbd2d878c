package inspect

import (
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"

	"onnxlab/internal/printable"
)

// The sizes that WriteSVG uses, in pixels unless they say otherwise.
const (
	boxHeight  = 44
	boxGap     = 18
	boxLeft    = 20
	leastWidth = 420 // minimum width of boxes, which are as wide as the longest text
	mostText   = 100 // longest text in characters; longer texts lose their middle
	charWidth  = 7   // width of a character: a little more than most sans-serif fonts need at 12 pixels
	outPort    = 40  // height at which arrows leave the side of a box, below those that arrive
	laneWidth  = 9   // distance between the vertical lines beside the boxes
	titleSpace = 34
)

// WriteSVG draws the graph as one column of boxes, from the inputs at the top to
// the outputs at the bottom. Backward nodes and their arrows have another colour.
// An arrow leads from each node to every node that reads its outputs. Between
// boxes that are not neighbours it goes down a lane at the right, which only the
// arrows of that node use.
func (r *ModelReport) WriteSVG(w io.Writer) error {
	d := r.drawing()
	right := boxLeft + d.boxWidth()
	routes, lanes := d.routes()
	height, width := titleSpace+len(d.boxes)*(boxHeight+boxGap), right+(lanes+2)*laneWidth
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	b.WriteString(`<style>rect.forward{fill:#e8f1fa;stroke:#0072b2}rect.backward{fill:#fbeee4;stroke:#c44e00}rect.value{fill:#f4f5f7;stroke:#555d66}` +
		`.arrow{fill:none}.arrow.forward{stroke:#0072b2}.arrow.backward{stroke:#c44e00}.arrow.value{stroke:#555d66}text{fill:#1b1f24}.small{font-size:11px;fill:#555d66}</style>` + "\n")
	b.WriteString(`<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 1L8 4L0 7Z" fill="#1b1f24"/></marker>` + "\n")
	b.WriteString(`<rect width="100%" height="100%" fill="#ffffff"/>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="20">%d parameters, %d multiply-adds forward and %d backward an image</text>`+"\n",
		boxLeft, r.Elements, r.Forward.MultiplyAdds, r.Backward.MultiplyAdds)
	for _, e := range routes {
		from, to := d.boxes[e.from], d.boxes[e.to]
		fmt.Fprintf(&b, `<path class="arrow %s" marker-end="url(#head)" d="%s"><title>%s → %s</title></path>`+"\n",
			from.class, e.path(right), escape(shortened(from.title)), escape(shortened(to.title)))
	}
	for i, box := range d.boxes {
		y := boxTop(i)
		fmt.Fprintf(&b, `<g><title>%s</title><rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="5"/>`, escape(box.title), box.class, boxLeft, y, right-boxLeft, boxHeight)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, boxLeft+10, y+18, escape(shortened(box.title)))
		fmt.Fprintf(&b, `<text class="small" x="%d" y="%d">%s</text></g>`+"\n", boxLeft+10, y+35, escape(shortened(box.detail)))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func boxTop(i int) int { return titleSpace + i*(boxHeight+boxGap) }

func escape(text string) string { return html.EscapeString(printable.Name(text)) }

// shortened removes the middle of a text that is longer than mostText.
func shortened(text string) string {
	runes := []rune(printable.Line(text))
	if len(runes) <= mostText {
		return string(runes)
	}
	return string(runes[:mostText/2]) + "…" + string(runes[len(runes)-mostText/2+1:])
}

func (d drawing) boxWidth() int {
	width := leastWidth
	for _, box := range d.boxes {
		for _, text := range []string{box.title, box.detail} {
			width = max(width, 20+charWidth*len([]rune(shortened(text))))
		}
	}
	return width
}

// route is the way of an arrow: straight down to a neighbour, or else out of
// the side of its box, down a lane, and into the side of the other box at the
// height port.
type route struct {
	edge
	lane, port int
}

// routes returns the ways of all arrows and the number of lanes. A node gets a
// lane if boxes other than its neighbour read it; the lane is free again after
// the last of these.
func (d drawing) routes() (routes []route, lanes int) {
	last, inputs := make([]int, len(d.boxes)), make([]int, len(d.boxes))
	for _, e := range d.edges {
		if !e.toNeighbour() {
			last[e.from] = max(last[e.from], e.to)
			inputs[e.to]++
		}
	}
	lane, ending := make([]int, len(d.boxes)), make([][]int, len(d.boxes))
	var free []int
	for i, to := range last {
		if to > 0 {
			if len(free) == 0 {
				free, lanes = append(free, lanes), lanes+1
			}
			lane[i], free = free[len(free)-1], free[:len(free)-1]
			ending[to] = append(ending[to], lane[i])
		}
		free = append(free, ending[i]...)
	}
	seen := make([]int, len(d.boxes))
	for _, e := range d.edges {
		r := route{edge: e, lane: lane[e.from]}
		if !e.toNeighbour() {
			seen[e.to]++
			r.port = seen[e.to] * outPort / (inputs[e.to] + 1)
		}
		routes = append(routes, r)
	}
	return routes, lanes
}

// path returns the route as an SVG path, beside boxes whose right edge is at
// right.
func (r route) path(right int) string {
	from, to := boxTop(r.from), boxTop(r.to)
	if r.toNeighbour() {
		return fmt.Sprintf("M%d %dV%d", (boxLeft+right)/2, from+boxHeight, to)
	}
	return fmt.Sprintf("M%d %dH%dV%dH%d", right, from+outPort, right+(r.lane+2)*laneWidth, to+r.port, right)
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

// drawing is the content of both pictures, SVG and DOT.
type drawing struct {
	boxes []box
	edges []edge
}

type box struct{ class, title, detail string }

// edge leads down from one box to another.
type edge struct{ from, to int }

func (e edge) toNeighbour() bool { return e.to == e.from+1 }

// drawing lists the inputs, the nodes and the outputs in order. Parameters have
// no boxes; their nodes state how many there are.
func (r *ModelReport) drawing() drawing {
	var d drawing
	from := map[string]int{} // the box of each value
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

package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

//go:embed page.html
var pageText string

// page is what the template shows.
type page struct {
	Table        Table
	Extent       string
	Alt          string
	Light, Dark  template.CSS
	Wide, Narrow template.HTML
	Panels       []panel
	RunColumns   []string
	Runs         []runRow
	Environments []environment
	Config       string
	Command      string
}

// panel is the course of one condition.
type panel struct {
	Condition      string
	Loss, Accuracy template.HTML
}

// writeHTML writes the page: one file that asks for nothing from elsewhere.
func (s *Sweep) writeHTML(w io.Writer, t Table) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{"bound": bound}).Parse(pageText)
	if err != nil {
		return err
	}
	p := page{
		Table: t, Extent: s.extent(), Alt: t.alt(),
		Light: variablesOf(light(), len(t.BatchSizes)), Dark: variablesOf(dark(), len(t.BatchSizes)),
		RunColumns: runColumns(), Runs: s.runRows(), Environments: s.environments(),
	}
	if err := p.draw(s); err != nil {
		return err
	}
	if s.Config != nil {
		text, err := configs.Marshal(*s.Config)
		if err != nil {
			return err
		}
		p.Config, p.Command = string(text), "pipeline sweep --config experiment.yaml --out DIR"
		if len(s.Runs) == 1 {
			p.Command = "pipeline train --config experiment.yaml --out DIR"
		}
	}
	return parsed.Execute(w, p)
}

// bound lets a line break only before the words that follow a number, not
// after them.
func bound(text string) string {
	const space = "\u00a0"
	return strings.NewReplacer("± ", "±"+space, "at ", "at"+space, "or ", "or"+space, " of ", space+"of"+space).Replace(text)
}

// extent says how much there is.
func (s *Sweep) extent() string {
	done, epochs, parameters := 0, 0, 0
	for i := range s.Runs {
		if s.Runs[i].Summary != nil {
			parameters = max(parameters, s.Runs[i].Summary.Parameters)
		}
		if s.Runs[i].State == Done {
			done++
		}
		epochs = max(epochs, s.Runs[i].Epochs)
	}
	text := fmt.Sprintf("%s × %s × %s = %s, %d of them done",
		counted(len(s.Conditions), "condition"), counted(len(s.BatchSizes), "batch size"),
		counted(len(s.Seeds), "seed"), counted(len(s.Runs), "run"), done)
	if epochs > 0 {
		text += fmt.Sprintf("; up to %s each", counted(epochs, "epoch"))
	}
	if parameters > 0 {
		text += fmt.Sprintf("; a network of %d parameters", parameters)
	}
	return text + "."
}

func counted(n int, name string) string {
	if n == 1 {
		return "1 " + name
	}
	return fmt.Sprintf("%d %ss", n, name)
}

// alt says in words what the figure shows.
func (t Table) alt() string {
	var b strings.Builder
	b.WriteString("Validation accuracy against batch size on a logarithmic axis, one line for each condition.")
	for _, c := range t.Conditions {
		if c.BestAccuracy == nil {
			fmt.Fprintf(&b, " %s: no finished run.", c.Name)
			continue
		}
		fmt.Fprintf(&b, " %s: best %s, holds to %s.", c.Name, c.BestText(), c.HoldsText())
	}
	return b.String()
}

// variablesOf writes the palette as variables of a style sheet.
func variablesOf(p palette, batches int) template.CSS {
	text := fmt.Sprintf("--background: %s; --panel: %s; --ink: %s; --muted: %s; --grid: %s; --link: %s;",
		hex(p.Background), hex(p.Panel), hex(p.Ink), hex(p.Muted), hex(p.Grid), hex(p.Link))
	for i := range p.conditions {
		text += fmt.Sprintf(" --condition-%d: %s;", i, hex(p.condition(i)))
	}
	for i := range batches {
		text += fmt.Sprintf(" --batch-%d: %s;", i, hex(p.batch(i, batches)))
	}
	return template.CSS(text) // of our own colours alone
}

// draw makes the figures.
func (p *page) draw(s *Sweep) error {
	for _, f := range []struct {
		to            *template.HTML
		width, height vg.Length
		narrow        bool
	}{{&p.Wide, 540, 320, false}, {&p.Narrow, 270, 300, true}} {
		plot, err := p.Table.accuracyPlot(inPage(), "")
		if err != nil {
			return err
		}
		*f.to, err = inline(f.width, f.height, func(c draw.Canvas) { drawWithLegend(plot, c, f.narrow) })
		if err != nil {
			return err
		}
	}
	for _, condition := range s.Conditions {
		panel := panel{Condition: condition}
		for _, part := range []struct {
			to *template.HTML
			curve
		}{{&panel.Loss, lossCurve()}, {&panel.Accuracy, accuracyCurve()}} {
			plot, err := s.curvePlot(inPage(), "", condition, part.curve)
			if err != nil {
				return err
			}
			*part.to, err = inline(panelWidth*0.8, panelHeight*0.85, func(c draw.Canvas) { plot.Draw(draw.Crop(c, 2, -6, 2, -6)) })
			if err != nil {
				return err
			}
		}
		p.Panels = append(p.Panels, panel)
	}
	return nil
}

// inline draws a figure as an element of the page, as wide as its place, in the
// page's colours.
func inline(width, height vg.Length, paint func(draw.Canvas)) (template.HTML, error) {
	text, err := svg(width, height, paint)
	if err != nil {
		return "", err
	}
	open := strings.Index(text, "<svg")
	end := open + strings.Index(text[open:], ">") + 1
	text = fmt.Sprintf(`<svg viewBox="0 0 %g %g" xmlns="http://www.w3.org/2000/svg" aria-hidden="true">`, width.Points(), height.Points()) + text[end:]
	return template.HTML(variables(text)), nil // the plotting library escapes names
}

// runRow is one line of the table of runs.
type runRow struct {
	rundir.Cell
	State  State
	Values []string
}

func runColumns() []string {
	return []string{
		"batch size", "seed", "state", "accuracy", "best", "in epoch", "training", "val. loss", "tr. loss", "epochs", "steps", "images/s", "waiting", "minutes",
	}
}

func (s *Sweep) runRows() []runRow {
	rows := make([]runRow, len(s.Runs))
	for i := range s.Runs {
		r := &s.Runs[i]
		rows[i] = runRow{Cell: r.Cell, State: r.State}
		if len(r.History) == 0 {
			rows[i].Values = slices.Repeat([]string{"–"}, len(runColumns())-3)
			continue
		}
		sum, last := rundir.Summarize(r.History), r.Last()
		rows[i].Values = []string{
			percent(last.ValAccuracy), percent(sum.BestValAccuracy), fmt.Sprint(sum.BestEpoch + 1), percent(last.Accuracy),
			fmt.Sprintf("%.4f", last.ValLoss), fmt.Sprintf("%.4f", last.Loss),
			fmt.Sprintf("%d/%d", len(r.History), r.Epochs), fmt.Sprint(last.Step),
			fmt.Sprintf("%.0f", sum.ImagesPerSecond), fmt.Sprintf("%.1f %%", 100*sum.DataWait), fmt.Sprintf("%.1f", sum.Seconds/60),
		}
	}
	return rows
}

func percent(share float64) string { return fmt.Sprintf("%.2f", 100*share) }

// environment is what some of the runs ran on.
type environment struct {
	Runs  string // whose it is
	Facts []fact
}

type fact struct{ Name, Value string }

// environments groups the runs by what they ran on, whenever they did.
func (s *Sweep) environments() []environment {
	var list []environment
	var names [][]string
	for i := range s.Runs {
		r := &s.Runs[i]
		if r.Environment == nil {
			continue
		}
		facts := r.facts()
		k := slices.IndexFunc(list, func(e environment) bool { return slices.Equal(e.Facts, facts) })
		if k < 0 {
			k = len(list)
			list, names = append(list, environment{Facts: facts}), append(names, nil)
		}
		names[k] = append(names[k], s.label(r))
	}
	for k := range list {
		list[k].Runs = strings.Join(names[k], "; ")
	}
	return list
}

// facts are the environment in words, without what is not known.
func (r *Run) facts() []fact {
	e := r.Environment
	facts := []fact{
		{"onnxlab", e.Toolkit},
		{"ONNX Runtime", e.ONNXRuntime},
		{"Go", e.Go},
		{"platform", e.Platform},
		{"processor", e.CPU.Model},
		{"cores", fmt.Sprint(e.CPU.Cores)},
		{"threads", fmt.Sprint(e.Threads)},
		{"device", e.Device},
		{"data", e.Data.Source},
		{"images", fmt.Sprintf("%d for training, %d for validation", e.Data.Train, e.Data.Validation)},
		{"data SHA-256", e.Data.Hash},
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" || f.Value == "0" })
}

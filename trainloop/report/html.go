package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"onnxlab/configs"
	"onnxlab/internal/printable"
	"onnxlab/trainloop/rundir"
)

//go:embed page.html
var pageText string

// page is what the template shows.
type page struct {
	Table        Table
	Lists        []list
	Title        string
	Heading      string
	Extent       string
	Reload       int // seconds until the browser asks again; 0 for never
	One          bool
	Result       string // of one run
	Alt          string
	Light, Dark  template.CSS
	Wide, Narrow template.HTML
	Key          []keyLines
	Panels       []panel
	Meaning      []string // of the diagnoses
	Diagnoses    []diagnosisPanel
	RunColumns   []string
	Runs         []runRow
	Facts        []fact // of one run
	Environments []environment
	Config       string
	Command      string
	From         string
}

// panel has the curves of one condition.
type panel struct {
	Condition      string
	Loss, Accuracy template.HTML
}

// keyLines is a group of entries of the key, and keySample an entry.
type keyLines struct {
	Name    string
	Samples []keySample
}

type keySample struct {
	Text   string
	Figure template.HTML
}

// writeHTML writes the page: one file that loads nothing from elsewhere.
func (s *Sweep) writeHTML(w io.Writer, t Table) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{"bound": bound}).Parse(pageText)
	if err != nil {
		return err
	}
	p := page{
		Table: t, Lists: t.lists(), Title: t.Name + ": " + strings.ToLower(t.heading()), Heading: t.heading(), Extent: s.extent(), Reload: int(s.reload.Seconds()), Alt: t.alt(),
		Light: variablesOf(light(), s.hues()), Dark: variablesOf(dark(), s.hues()),
		Meaning: s.meaning(t), RunColumns: s.runColumns(), Runs: s.runRows(), Environments: s.environments(),
	}
	if s.one() {
		r := &s.Runs[0]
		p.One, p.Title, p.Extent, p.Result, p.Facts = true, t.Name+": training curves", s.extentOfOne(r), r.result(), r.results()
	}
	if err := p.draw(s); err != nil {
		return err
	}
	if p.Config, p.Command, p.From, err = s.reproduction(); err != nil {
		return err
	}
	return parsed.Execute(w, p)
}

// reproduction returns what is needed to repeat the runs: the experiment, for a file in their
// directory, the command, and the name of the initial parameters, which is empty if these were
// random. All are empty if no run has a configuration.
func (s *Sweep) reproduction() (config, command, from string, err error) {
	if s.Config == nil {
		return "", "", "", nil
	}
	text, err := configs.MarshalIn(s.Dir, *s.Config)
	if err != nil {
		return "", "", "", err
	}
	command = "pipeline sweep"
	if s.alone {
		command = "pipeline train"
	}
	command += " --config experiment.yaml --out DIR"
	if f := s.from(); f != nil {
		command += " --from " + printable.ShellWord(f.Path)
		from = f.String()
	}
	return string(text), command, from, nil
}

// from returns where the initial parameters of the runs are from. It is nil if they were
// random or if no run says.
func (s *Sweep) from() *rundir.From {
	for i := range s.Runs {
		if e := s.Runs[i].Environment; e != nil && e.From != nil {
			return e.From
		}
	}
	return nil
}

// bound puts no-break spaces into the text of a cell, so that a line can break before an
// expression such as "± 0.3" or "at 128", but not within it.
func bound(text string) string {
	const space = "\u00a0"
	return strings.NewReplacer("± ", "±"+space, "at ", "at"+space, "or ", "or"+space, " of ", space+"of"+space).Replace(text)
}

// extent says how many conditions, batch sizes, seeds, runs and epochs there are.
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
		text += fmt.Sprintf("; a network of %s parameters", grouped(parameters))
	}
	return text + "."
}

// extentOfOne describes a single run and its progress.
func (s *Sweep) extentOfOne(r *Run) string {
	text := fmt.Sprintf("Batch size %d, seed %d", r.BatchSize, r.Seed)
	if r.Condition != s.Name {
		text = fmt.Sprintf("Condition %s, batch size %d, seed %d", r.Condition, r.BatchSize, r.Seed)
	}
	switch stopped := r.stopped(); {
	case stopped != "":
		text += "; stopped early " + stopped
	case r.State == Done:
		text += "; " + counted(r.Epochs, "epoch") + ", all done"
	default:
		text += "; " + r.describe()
	}
	if r.Summary != nil && r.Summary.Parameters > 0 {
		text += fmt.Sprintf("; a network of %s parameters", grouped(r.Summary.Parameters))
	}
	return text + "."
}

// result describes the accuracy of a run in a sentence. It is empty before the first epoch
// has ended.
func (r *Run) result() string {
	if len(r.History) == 0 {
		return ""
	}
	sum := rundir.Summarize(r.History)
	return fmt.Sprintf("Validation accuracy %s %% after epoch %d; the best was %s %%, after epoch %d.",
		percent(sum.ValAccuracy), sum.Epochs, percent(sum.BestValAccuracy), sum.BestEpoch+1)
}

// heading returns the heading of the figure.
func (t Table) heading() string {
	if !t.comparesBatchSizes() {
		return "Accuracy by condition"
	}
	return "Accuracy against batch size"
}

// alt describes the figure for readers who cannot see it.
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
	return template.CSS(text) // safe: it contains only colours of the palette
}

// draw draws the figures. The page of a single run has none of accuracy against batch size.
func (p *page) draw(s *Sweep) (err error) {
	for _, f := range []struct {
		to            *template.HTML
		width, height vg.Length
		narrow        bool
	}{{&p.Wide, 540, 320, false}, {&p.Narrow, 270, 300, true}} {
		if s.one() {
			break
		}
		plot, err := p.Table.accuracyPlot(inPage(), "")
		if err != nil {
			return err
		}
		*f.to, err = inline(f.width, f.height, func(c draw.Canvas) { drawWithLegend(plot, c, f.narrow) })
		if err != nil {
			return err
		}
	}
	for _, group := range s.key(inPage()) {
		lines := keyLines{Name: group.name}
		for _, e := range group.entries {
			figure, err := inline(sampleWidth, 8, e.sample)
			if err != nil {
				return err
			}
			lines.Samples = append(lines.Samples, keySample{e.text, figure})
		}
		p.Key = append(p.Key, lines)
	}
	if err := p.drawDiagnoses(s); err != nil {
		return err
	}
	return p.drawPanels(s)
}

// drawPanels draws the curves. They are larger if there are only one or two conditions.
func (p *page) drawPanels(s *Sweep) (err error) {
	width, height := s.panelSize()
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
			*part.to, err = inline(width, height, func(c draw.Canvas) { plot.Draw(draw.Crop(c, 2, -6, 2, -6)) })
			if err != nil {
				return err
			}
		}
		p.Panels = append(p.Panels, panel)
	}
	return nil
}

// panelSize returns the size of a panel of the page.
func (s *Sweep) panelSize() (width, height vg.Length) {
	if len(s.Conditions) < 3 {
		return panelWidth * 1.3, panelHeight * 1.15
	}
	return panelWidth * 0.8, panelHeight * 0.85
}

// inline returns a figure as an element of the page, in the colours of the page. It is
// scaled to the available width.
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

//go:build browser

package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"testing"
)

// The tests in this file need Chromium on the path. They run with
//
//	go test -tags browser ./trainloop/report

//go:embed testdata/browser.html
var measuringPage []byte

// measured is what testdata/browser.html finds out about the page in a frame of one width.
type measured struct {
	Width int
	// Scroll is the width of the contents. If it is above Width, the page scrolls sideways.
	// Outside names the elements that reach beyond Width.
	Scroll  int
	Outside []string
	// Figures are the widths of the figures that are shown.
	Figures []int
	// Contrast is the lowest contrast of any text, which is Text, to its background. Lines
	// is the lowest contrast of any line or marker of a figure.
	Contrast float64
	Text     string
	Lines    float64
	// Background is the colour of the page.
	Background string
	// Table is the text of the table of accuracies, row by row.
	Table [][]string
	// Unnamed has the elements for which a screen reader would have no name.
	Unnamed []string
	// Requests are the addresses that the page requested, apart from itself.
	Requests []string
	Errors   []string
}

// browse opens the page in Chromium in frames of several widths. A proxy on
// this machine answers all requests of the browser, so that none leaves it.
func browse(t *testing.T, page []byte, dark bool) (frames []measured) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Host + r.URL.Path {
		case "report.test/":
			w.Write(measuringPage) // the test fails without
		case "report.test/report.html":
			w.Write(page) // the test fails without
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	scheme := map[bool]string{true: "0", false: "1"}[dark]
	cmd := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
		"--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars", "--virtual-time-budget=20000",
		"--user-data-dir="+t.TempDir(), "--proxy-server="+server.URL, "--proxy-bypass-list=<-loopback>",
		"--blink-settings=preferredColorScheme="+scheme, "--window-size=1600,900", "--dump-dom", "http://report.test/")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	found := regexp.MustCompile(`(?s)<pre id="result">(.*?)</pre>`).FindSubmatch(stdout.Bytes())
	if found == nil {
		t.Fatalf("no result in\n%.2000s\n%s", stdout.String(), stderr.String())
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), &frames); err != nil {
		t.Fatalf("%v in %s", err, found[1])
	}
	if len(frames) != 4 {
		t.Fatalf("%d frames", len(frames))
	}
	return frames
}

// pageOf returns the sweep in root and its page.
func pageOf(t *testing.T, root string) (*Sweep, []byte) {
	t.Helper()
	s := load(t, root)
	var b bytes.Buffer
	must(t, s.writeHTML(&b, s.Table(DefaultDrop)))
	return s, b.Bytes()
}

func TestBrowser(t *testing.T) {
	for name, root := range map[string]string{
		"study":      study().write(t, t.TempDir()),
		"seeds":      threeSeeds().write(t, t.TempDir()),
		"unfinished": unfinished(t, t.TempDir()),
		"run":        alone(t, t.TempDir(), "flowers", 30),
	} {
		s, page := pageOf(t, root)
		for _, dark := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s dark=%v", name, dark), func(t *testing.T) {
				for _, f := range browse(t, page, dark) {
					f.check(t, s, dark)
				}
			})
		}
	}
}

// TestBrowserFinds spoils a page in each of the ways that TestBrowser must detect.
func TestBrowserFinds(t *testing.T) {
	_, page := pageOf(t, unfinished(t, t.TempDir()))
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy".*>`)
	spoilt := policy.ReplaceAll(page, nil)
	spoilt = bytes.Replace(spoilt, []byte("</main>"), []byte(`
		<h3 id="runs">again</h3><div style="width: 2000px">wide</div><p style="color: var(--grid)">faint</p>
		<table tabindex="0"><tr><th>a</th></tr></table><img src="http://elsewhere.test/x.png"></main>`), 1)
	spoilt = bytes.ReplaceAll(spoilt, []byte("var(--condition-0)"), []byte("var(--panel)"))
	for _, f := range browse(t, spoilt, true) {
		if f.Scroll < 2000 || len(f.Outside) == 0 || f.Contrast > 2 || f.Text != "faint" || f.Lines > 2 ||
			len(f.Unnamed) != 3 || !slices.Equal(f.Requests, []string{"http://elsewhere.test/x.png"}) || len(f.Errors) != 1 {
			t.Errorf("at %d pixels only this was found: %+v", f.Width, f)
		}
	}
}

func (f measured) check(t *testing.T, s *Sweep, dark bool) {
	t.Helper()
	if f.Scroll > f.Width || len(f.Outside) > 0 {
		t.Errorf("at %d pixels the page is %d wide: %q", f.Width, f.Scroll, f.Outside)
	}
	if f.Contrast < 4.5 {
		t.Errorf("at %d pixels %q has contrast %.2f", f.Width, f.Text, f.Contrast)
	}
	if f.Lines < 3 {
		t.Errorf("at %d pixels a line has contrast %.2f", f.Width, f.Lines)
	}
	if want := map[bool]string{false: "rgb(255, 255, 255)", true: "rgb(20, 23, 27)"}[dark]; f.Background != want {
		t.Errorf("at %d pixels the background is %s, not %s", f.Width, f.Background, want)
	}
	// One figure of accuracy unless there is one run, two of curves for each condition.
	want := 1 + 2*len(s.Conditions)
	if s.one() {
		want--
	}
	if len(f.Figures) != want || slices.Min(f.Figures) < 150 {
		t.Errorf("at %d pixels %d figures are shown, not %d, with widths %v", f.Width, len(f.Figures), want, f.Figures)
	}
	if len(f.Unnamed) > 0 || len(f.Errors) > 0 || len(f.Requests) > 0 {
		t.Errorf("at %d pixels: without a name: %q; errors: %q; requests: %q", f.Width, f.Unnamed, f.Errors, f.Requests)
	}
	if want := expectedTable(s); !slices.EqualFunc(f.Table, want, slices.Equal) {
		t.Errorf("at %d pixels the table is\n%q, not\n%q", f.Width, f.Table, want)
	}
}

// expectedTable returns the rows of accuracies according to the histories; nil for a single
// run.
func expectedTable(s *Sweep) [][]string {
	if s.one() {
		return nil
	}
	rows := [][]string{append([]string{"batch size"}, s.Conditions...)}
	for k, batch := range s.BatchSizes {
		row := []string{fmt.Sprint(batch)}
		for _, c := range s.Table(DefaultDrop).Conditions {
			row = append(row, c.Cells[k].Text())
		}
		rows = append(rows, row)
	}
	return rows
}

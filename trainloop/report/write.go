package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"onnxlab/internal/durable"
)

// pageName is the name of the page, the file that people open.
const pageName = "report.html"

// WriteError is the error for a file of the report that cannot be written. The runs are not
// affected.
type WriteError struct{ err error }

// Error names the file.
func (e *WriteError) Error() string { return fmt.Sprintf("write report: %v", e.err) }

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.err }

// Write writes all files of the report to dir, which it creates if it does not exist.
// dropPoints is the parameter of Table.
func (s *Sweep) Write(dir string, dropPoints float64) error {
	return s.write(dir, dropPoints, func(file) bool { return true })
}

// write writes the files of the report for which wanted returns true.
func (s *Sweep) write(dir string, dropPoints float64, wanted func(file) bool) error {
	t := s.Table(dropPoints)
	for _, file := range s.files(t) {
		if !wanted(file) {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(file.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return &WriteError{err}
		}
		if err := file.writeTo(path); err != nil {
			return &WriteError{err}
		}
	}
	return nil
}

// file is one file of the report.
type file struct {
	name  string // with slashes
	write func(io.Writer) error
	// live files are updated while runs go on.
	live bool
	// grows reports that the file must be extended in place, since readers keep it open.
	grows bool
}

func (f file) writeTo(path string) error {
	if !f.grows {
		return durable.WriteFile(path, f.write)
	}
	var b bytes.Buffer
	if err := f.write(&b); err != nil {
		return err
	}
	return durable.GrowFile(path, b.Bytes())
}

func (s *Sweep) files(t Table) []file {
	files := []file{
		{name: "summary.csv", write: func(w io.Writer) error { return s.writeCSV(w, t) }},
		{name: "accuracy.png", write: t.accuracyPNG},
		{name: "accuracy.svg", write: t.accuracySVG},
		{name: "curves.png", write: s.curvesPNG},
		{name: pageName, write: func(w io.Writer) error { return s.writeHTML(w, t) }, live: true},
	}
	if s.diagnosed() {
		files = append(files, file{name: "diagnosis.png", write: func(w io.Writer) error { return s.diagnosisPNG(w, t) }})
	}
	for _, condition := range s.Conditions {
		courses := s.courses(condition)
		if len(courses) == 0 {
			continue
		}
		files = append(files,
			file{name: "da_type_" + condition + ".json", write: func(w io.Writer) error { return writeStudyJSON(w, courses) }},
			file{name: "da_type_" + condition + ".pkl", write: func(w io.Writer) error { return writePickle(w, courses) }},
		)
	}
	for i := range s.Runs {
		if r := &s.Runs[i]; len(r.History) > 0 {
			files = append(files, r.events())
		}
	}
	return files
}

// events returns the run's event file. TensorBoard expects the time in its name. It keeps
// the file open and continues to read where it stopped, so that it would not notice if the
// file were replaced by another.
func (r *Run) events() file {
	var started int64
	if r.Environment != nil {
		started = r.Environment.Started.Unix()
	}
	name := fmt.Sprintf("tensorboard/%s-%d-%d/events.out.tfevents.%010d.onnxlab", r.Condition, r.BatchSize, r.Seed, started)
	return file{name: name, write: func(w io.Writer) error { return writeEvents(w, float64(started), r.History, r.Layers) }, live: true, grows: true}
}

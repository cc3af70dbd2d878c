package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"onnxlab/internal/durable"
)

// Write makes all files of the report in dir, which is made if it is not there.
// dropPoints is that of Table.
func (s *Sweep) Write(dir string, dropPoints float64) error {
	t := s.Table(dropPoints)
	for _, file := range s.files(t) {
		path := filepath.Join(dir, filepath.FromSlash(file.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		if err := durable.WriteFile(path, file.write); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

// file is one file of the report.
type file struct {
	name  string // with slashes
	write func(io.Writer) error
}

func (s *Sweep) files(t Table) []file {
	files := []file{
		{"summary.csv", func(w io.Writer) error { return s.writeCSV(w, t) }},
		{"accuracy.png", t.accuracyPNG},
		{"accuracy.svg", t.accuracySVG},
		{"curves.png", s.curvesPNG},
		{"report.html", func(w io.Writer) error { return s.writeHTML(w, t) }},
	}
	for _, condition := range s.Conditions {
		courses := s.courses(condition)
		if len(courses) == 0 {
			continue
		}
		files = append(files,
			file{"da_type_" + condition + ".json", func(w io.Writer) error { return writeStudyJSON(w, courses) }},
			file{"da_type_" + condition + ".pkl", func(w io.Writer) error { return writePickle(w, courses) }},
		)
	}
	for i := range s.Runs {
		if r := &s.Runs[i]; len(r.History) > 0 {
			files = append(files, r.events())
		}
	}
	return files
}

// events is the run's event file. TensorBoard wants the time in its name.
func (r *Run) events() file {
	var started int64
	if r.Environment != nil {
		started = r.Environment.Started.Unix()
	}
	name := fmt.Sprintf("tensorboard/%s-%d-%d/events.out.tfevents.%010d.onnxlab", r.Condition, r.BatchSize, r.Seed, started)
	return file{name, func(w io.Writer) error { return writeEvents(w, float64(started), r.History) }}
}

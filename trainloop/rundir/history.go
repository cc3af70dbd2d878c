package rundir

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"onnxlab/internal/durable"
)

// Epoch is one row of history.csv: the results of a finished epoch.
type Epoch struct {
	// Epoch counts from 0, without gaps.
	Epoch int
	// Step is the number of optimizer steps since the start of the run when the epoch
	// ended.
	Step int
	// LearningRate is the rate of the epoch's last step.
	LearningRate float64
	// Loss and Accuracy (0..1) are means over the training batches of the epoch, each
	// with the parameters before its step and with augmented images.
	Loss, Accuracy float64
	// ValLoss and ValAccuracy (0..1) are measured on the validation images after
	// the epoch.
	ValLoss, ValAccuracy float64
	// ImagesPerSecond is the speed of training.
	ImagesPerSecond float64
	// DataWait is the share (0..1) of the training time that was spent waiting
	// for images.
	DataWait float64
	// Seconds is the duration of the epoch, with its evaluation and its diagnosis.
	Seconds float64
	// ValMAP is the mean average precision of the validation images and ValF1 their micro
	// F1, both 0..1, if images may have several classes, which MultiLabel reports.
	ValMAP, ValF1 float64
	MultiLabel    bool
	// Diagnosis has the measurements at the end of the epoch, if there were any.
	Diagnosis Diagnosis
}

// column is one column of history.csv: its name and how its fields are written and read.
type column struct {
	name string
	get  func(e *Epoch) string
	set  func(e *Epoch, text string) error
}

// columns returns the columns of history.csv, in order.
func columns() []column {
	most := math.MaxFloat64
	return []column{
		count("epoch", func(e *Epoch) *int { return &e.Epoch }),
		count("step", func(e *Epoch) *int { return &e.Step }),
		number("learning_rate", most, func(e *Epoch) *float64 { return &e.LearningRate }),
		number("loss", most, func(e *Epoch) *float64 { return &e.Loss }),
		number("accuracy", 1, func(e *Epoch) *float64 { return &e.Accuracy }),
		number("val_loss", most, func(e *Epoch) *float64 { return &e.ValLoss }),
		number("val_accuracy", 1, func(e *Epoch) *float64 { return &e.ValAccuracy }),
		number("images_per_second", most, func(e *Epoch) *float64 { return &e.ImagesPerSecond }),
		number("data_wait", 1, func(e *Epoch) *float64 { return &e.DataWait }),
		number("seconds", most, func(e *Epoch) *float64 { return &e.Seconds }),
	}
}

func count(name string, field func(*Epoch) *int) column {
	return column{
		name: name,
		get:  func(e *Epoch) string { return strconv.Itoa(*field(e)) },
		set: func(e *Epoch, text string) error {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return fmt.Errorf("%.80q is not a whole number of 0 or more", text)
			}
			*field(e) = n
			return nil
		},
	}
}

// number is a column of numbers in 0..most. They are written with the fewest digits
// that read back as the same float64.
func number(name string, most float64, field func(*Epoch) *float64) column {
	return column{
		name: name,
		get:  func(e *Epoch) string { return strconv.FormatFloat(*field(e), 'g', -1, 64) },
		set: func(e *Epoch, text string) error {
			x, err := strconv.ParseFloat(text, 64)
			switch {
			case err != nil:
				return fmt.Errorf("%.80q is not a number", text)
			case !(x >= 0 && x <= most) && most == 1:
				return fmt.Errorf("%.80s is outside 0..1", text)
			case !(x >= 0 && x <= most):
				return fmt.Errorf("%.80s is not a finite number of 0 or more", text)
			}
			*field(e) = x
			return nil
		},
	}
}

// multiLabelColumns are the further columns of a history of images that may have several
// classes.
func multiLabelColumns() []column {
	list := []column{
		number("val_mean_average_precision", 1, func(e *Epoch) *float64 { return &e.ValMAP }),
		number("val_f1", 1, func(e *Epoch) *float64 { return &e.ValF1 }),
	}
	for i := range list {
		set := list[i].set
		list[i].set = func(e *Epoch, text string) error {
			e.MultiLabel = true
			return set(e, text)
		}
	}
	return list
}

// headed returns the columns of a history with this header, or nil if no history has it.
func headed(row []string) []column {
	for _, further := range [][]column{nil, diagnosisColumns(), multiLabelColumns(), slices.Concat(multiLabelColumns(), diagnosisColumns())} {
		if all := append(columns(), further...); slices.Equal(row, header(all)) {
			return all
		}
	}
	return nil
}

func header(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// WriteHistory atomically replaces the file at path by the epochs. Epochs that
// ReadHistory would reject are an error. A history with diagnoses has additional
// columns.
func WriteHistory(path string, epochs []Epoch) error {
	columns := columns()
	if slices.ContainsFunc(epochs, func(e Epoch) bool { return e.MultiLabel }) {
		columns = append(columns, multiLabelColumns()...)
	}
	if slices.ContainsFunc(epochs, func(e Epoch) bool { return e.Diagnosis.Measured() }) {
		columns = append(columns, diagnosisColumns()...)
	}
	rows := [][]string{header(columns)}
	for i := range epochs {
		row, err := format(columns, epochs, i)
		if err != nil {
			return fmt.Errorf("write history %q: epoch %d: %w", path, i, err)
		}
		rows = append(rows, row)
	}
	return durable.WriteFile(path, func(w io.Writer) error {
		return csv.NewWriter(w).WriteAll(rows)
	})
}

// format formats row i and checks it by parsing it again.
func format(columns []column, epochs []Epoch, i int) ([]string, error) {
	row := make([]string, len(columns))
	for k, c := range columns {
		row[k] = c.get(&epochs[i])
		if err := c.set(new(Epoch), row[k]); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if _, err := follows(epochs[:i], epochs[i]); err != nil {
		return nil, err
	}
	return row, nil
}

// follows checks that e can come after the epochs before. If not, it returns the index of
// the wrong column and an error.
func follows(before []Epoch, e Epoch) (int, error) {
	if e.Epoch != len(before) {
		return 0, fmt.Errorf("epoch: %d where %d comes next", e.Epoch, len(before))
	}
	done := 0
	if len(before) > 0 {
		done = before[len(before)-1].Step
	}
	if e.Step <= done {
		return 1, fmt.Errorf("step: %d is not above %d, where the epoch began", e.Step, done)
	}
	return 0, nil
}

// ReadHistory reads the file at path. If the file does not exist, the error wraps
// fs.ErrNotExist. Anything that WriteHistory would not write is a *DataError with line,
// column and value.
func ReadHistory(path string) ([]Epoch, error) {
	data, err := durable.ReadPlain(path, maxFile)
	if err != nil {
		return nil, unreadable(path, err)
	}
	columns := columns()
	r := csv.NewReader(strings.NewReader(string(data)))
	r.FieldsPerRecord = -1 // parse counts the fields, for a better message
	var epochs []Epoch
	for first := true; ; first = false {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF) && first:
			return nil, &DataError{Path: path, Message: "the file is empty"}
		case errors.Is(err, io.EOF):
			return epochs, whole(path, data)
		case err != nil:
			return nil, csvError(path, err)
		case first && headed(row) != nil:
			columns = headed(row)
			continue
		case first && !slices.Equal(row, header(columns)):
			return nil, &DataError{path, 1, 1, fmt.Sprintf("the header is %.160q, not %q",
				strings.Join(row, ","), strings.Join(header(columns), ","))}
		case first:
			continue
		}
		e, problem := parse(columns, row, r, epochs)
		if problem != nil {
			problem.Path = path
			return nil, problem
		}
		epochs = append(epochs, e)
	}
}

// parse parses the row that r has just read.
func parse(columns []column, row []string, r *csv.Reader, before []Epoch) (Epoch, *DataError) {
	var e Epoch
	at := func(field int, format string, args ...any) *DataError {
		line, col := r.FieldPos(field)
		return &DataError{Line: line, Column: col, Message: fmt.Sprintf(format, args...)}
	}
	if len(row) != len(columns) {
		return e, at(0, "%d columns where there are %d", len(row), len(columns))
	}
	for k, c := range columns {
		if err := c.set(&e, row[k]); err != nil {
			return e, at(k, "%s: %v", c.name, err)
		}
	}
	if k, err := follows(before, e); err != nil {
		return e, at(k, "%v", err)
	}
	return e, nil
}

// whole returns an error if the file does not end with a newline, since the last number
// may then lack digits.
func whole(path string, data []byte) error {
	if data[len(data)-1] == '\n' {
		return nil
	}
	line := strings.Count(string(data), "\n") + 1
	return &DataError{Path: path, Line: line, Message: "the line is cut off"}
}

func csvError(path string, err error) error {
	var e *csv.ParseError
	if errors.As(err, &e) {
		return &DataError{path, e.Line, e.Column, e.Err.Error()}
	}
	return fmt.Errorf("read history %q: %w", path, err)
}

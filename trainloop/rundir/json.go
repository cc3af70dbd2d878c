package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"onnxlab/internal/durable"
)

// writeJSON writes v to the file at path, whole or not at all.
func writeJSON(path string, v any) error {
	return durable.WriteFile(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	})
}

// readJSON reads the file at path. If it is not valid JSON for a T, the error is a *DataError; if
// there is no file, it wraps fs.ErrNotExist.
func readJSON[T any](path string) (T, error) {
	var v T
	data, err := durable.ReadPlain(path, maxFile)
	if err != nil {
		return v, unreadable(path, err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, jsonError(path, data, err)
	}
	return v, nil
}

// jsonError converts an error of encoding/json, which has an offset, to a *DataError with
// line and column.
func jsonError(path string, data []byte, err error) error {
	e := &DataError{Path: path, Message: err.Error()}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var offset int64
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
		e.Message = fmt.Sprintf("%.80s: %.80s instead of a value of type %s", kind.Field, kind.Value, kind.Type)
	default:
		return e
	}
	before := data[:min(offset, int64(len(data)))]
	e.Line = bytes.Count(before, []byte("\n")) + 1
	e.Column = len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return e
}

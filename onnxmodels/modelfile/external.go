package modelfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/durable"
	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
)

// File is a model on disk: in one file, or with the data of its larger tensors in files
// beside it ("external data"), as PyTorch's exporter writes it by default.
type File struct {
	// Model has all data inside.
	Model *Model
	path  string
	// external lists where the data of external tensors was.
	external []dataLocation
}

// dataLocation says where the external data of a tensor is.
type dataLocation struct {
	tensor         *onnxpb.Tensor
	location       string
	offset, length int64
}

// ReadFile reads the model at path with its external data and checks it: see Check. It
// reads external data only from plain files in the model's folder or in folders below it. The
// error is a *[fs.PathError] with this path.
func ReadFile(path string) (*File, error) {
	f := &File{path: path}
	data, err := durable.ReadPlain(path, maxModelBytes)
	if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		err = cause.Err // it names the path, as the error below does
	}
	if err == nil {
		f.Model, err = decode(data, f.takeIn)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read model", Path: path, Err: err}
	}
	return f, nil
}

// takeIn reads the external data of the model's tensors into them.
func (f *File) takeIn(m *Model) error {
	left := int64(maxModelBytes)
	read := func(t *onnxpb.Tensor) error {
		if !external(t) {
			return nil
		}
		p, err := locationOf(t)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.GetName(), err)
		}
		if left -= p.length; left < 0 {
			return fmt.Errorf("tensor %q: the external data of all tensors has more than %d bytes", t.GetName(), maxModelBytes)
		}
		if t.RawData, err = readLocation(filepath.Dir(f.path), p); err != nil {
			return fmt.Errorf("tensor %q: external data: %w", t.GetName(), err)
		}
		t.DataLocation, t.ExternalData = nil, nil
		f.external = append(f.external, p)
		return nil
	}
	for _, t := range m.GetGraph().GetInitializer() {
		if err := read(t); err != nil {
			return err
		}
	}
	for _, n := range m.GetGraph().GetNode() {
		for _, a := range n.GetAttribute() {
			if a.GetT() == nil {
				continue
			}
			if err := read(a.GetT()); err != nil {
				return fmt.Errorf("node %q (%s): %w", n.GetName(), n.GetOpType(), err)
			}
		}
	}
	return nil
}

func external(t *onnxpb.Tensor) bool {
	return t.GetDataLocation() == onnxpb.Tensor_EXTERNAL || len(t.GetExternalData()) > 0
}

// locationOf reads where the data of a tensor is, and checks that its length fits the shape.
func locationOf(t *onnxpb.Tensor) (dataLocation, error) {
	p := dataLocation{tensor: t}
	elem := graph.Elem(t.GetDataType())
	if elem.Size() == 0 {
		return p, fmt.Errorf("external data of %s is not supported", elem)
	}
	elements, err := elementsOf(t)
	if err != nil {
		return p, err
	}
	p.length = elements * int64(elem.Size())
	for _, entry := range t.GetExternalData() {
		switch key, value := entry.GetKey(), entry.GetValue(); key {
		case "location":
			p.location = value
		case "offset", "length":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				return p, fmt.Errorf("external data: %s %q is not a number of bytes", key, value)
			}
			if key == "offset" {
				p.offset = n
			} else if n != p.length {
				return p, fmt.Errorf("external data: it has %d bytes, but the dimensions %v need %d", n, t.GetDims(), p.length)
			}
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(p.location)) {
		return p, fmt.Errorf("external data: location %q is outside the folder of the model", p.location)
	}
	return p, nil
}

// readLocation reads a tensor's data from a file below the folder. Neither the file nor the
// folders on the way to it may be symbolic links.
func readLocation(folder string, p dataLocation) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	path := filepath.FromSlash(p.location)
	for i := range len(path) + 1 {
		if i < len(path) && path[i] != filepath.Separator {
			continue
		}
		part := path[:i]
		info, err := root.Lstat(part)
		switch cause := (*fs.PathError)(nil); {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("the file %q is missing: it belongs beside the model, which names it so", p.location)
		case errors.As(err, &cause):
			return nil, fmt.Errorf("open %q: %w", p.location, cause.Err)
		case err != nil:
			return nil, err
		}
		if mode := info.Mode(); part == path && !mode.IsRegular() || part != path && !mode.IsDir() {
			return nil, &fs.PathError{Op: "open", Path: part, Err: fmt.Errorf("external data must be in a plain file, not behind a link")}
		}
	}
	file, err := root.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if p.offset > info.Size() || p.length > info.Size()-p.offset {
		return nil, fmt.Errorf("%q has %d bytes, too few for %d at %d", p.location, info.Size(), p.length, p.offset)
	}
	data := make([]byte, p.length)
	_, err = file.ReadAt(data, p.offset)
	if err != nil && p.length == 0 {
		err = nil
	}
	return data, err
}

// Write writes the model to path. Data that was external goes to a file beside it,
// NAME.onnx.data for NAME.onnx. Everything else is written as it was.
func (f *File) Write(path string) error {
	if len(f.external) == 0 {
		return Write(path, f.Model)
	}
	name := filepath.Base(path) + ".data"
	var data []byte
	const alignment = 4096 // so that files can be mapped into memory, as ONNX's documentation advises
	m := proto.Clone(f.Model).(*Model)
	twins := twinsOf(f.Model, m)
	for _, p := range f.external {
		raw := p.tensor.GetRawData()
		t := twins[p.tensor]
		if t == nil || len(raw) == 0 {
			continue
		}
		if rest := len(data) % alignment; rest != 0 && len(raw) >= alignment {
			data = append(data, make([]byte, alignment-rest)...)
		}
		t.RawData, t.DataLocation = nil, onnxpb.Tensor_EXTERNAL.Enum()
		t.ExternalData = nil
		for _, entry := range []struct{ key, value string }{
			{"location", name}, {"offset", strconv.Itoa(len(data))}, {"length", strconv.Itoa(len(raw))},
		} {
			t.ExternalData = append(t.ExternalData, &onnxpb.Property{Key: proto.String(entry.key), Value: proto.String(entry.value)})
		}
		data = append(data, raw...)
	}
	if err := durable.WriteBytes(filepath.Join(filepath.Dir(path), name), data); err != nil {
		return err
	}
	return Write(path, m)
}

// twinsOf maps each tensor of a model to the same tensor of its copy.
func twinsOf(m, clone *Model) map[*onnxpb.Tensor]*onnxpb.Tensor {
	twins := map[*onnxpb.Tensor]*onnxpb.Tensor{}
	for i, t := range m.GetGraph().GetInitializer() {
		twins[t] = clone.GetGraph().GetInitializer()[i]
	}
	for i, n := range m.GetGraph().GetNode() {
		for j, a := range n.GetAttribute() {
			if a.GetT() != nil {
				twins[a.GetT()] = clone.GetGraph().GetNode()[i].GetAttribute()[j].GetT()
			}
		}
	}
	return twins
}

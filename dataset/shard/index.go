package shard

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
	"onnxlab/internal/durable"
)

// sample is one image of a tar.
type sample struct {
	Key string `json:"key"`
	// Class is the number of its class, or -1 if Name has the name of the class.
	Class int    `json:"class"`
	Name  string `json:"name,omitempty"`
	// Offset and Bytes are the position and the size of the image in the tar.
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
}

// index has the contents of a tar.
type index struct {
	Version int `json:"version"`
	// TarBytes and Modified are the size, in bytes, and the modification time, in
	// nanoseconds, of the tar.
	TarBytes int64    `json:"tar_bytes"`
	Modified int64    `json:"modified"`
	Samples  []sample `json:"samples"`
}

const (
	indexVersion = 1
	// Limits for hostile files: real names, classes and tars are far smaller.
	maxIndex   = 1 << 30
	maxKey     = 4096
	maxClasses = 100_000
	maxBeside  = 64 << 10 // of a cls or json file
	maxImage   = 1 << 30
	maxSamples = 100_000_000
)

// indexOf returns the index of the tar at path, which it makes if there is none.
func indexOf(ctx context.Context, path string) (*index, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	beside := path + ".index"
	if x, err := readIndex(beside); err == nil && x.TarBytes == info.Size() && x.Modified == info.ModTime().UnixNano() {
		return x, nil
	}
	x, err := scanFile(ctx, path)
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	x.TarBytes, x.Modified = info.Size(), info.ModTime().UnixNano()
	// If the index cannot be written, it is made again at each start.
	_ = durable.WriteFile(beside, func(w io.Writer) error { return json.NewEncoder(w).Encode(x) })
	return x, nil
}

// readIndex reads and checks an index.
func readIndex(path string) (*index, error) {
	data, err := durable.ReadPlain(path, maxIndex)
	if err != nil {
		return nil, err
	}
	x := new(index)
	if err := json.Unmarshal(data, x); err != nil {
		return nil, err
	}
	if x.Version != indexVersion {
		return nil, fmt.Errorf("version %d", x.Version)
	}
	for _, s := range x.Samples {
		if s.Offset < 0 || s.Bytes < 1 || s.Bytes > maxImage || s.Offset > x.TarBytes-s.Bytes || s.Class < -1 || s.Class >= maxClasses || len(s.Key) > maxKey {
			return nil, fmt.Errorf("sample %q is not an image in the tar", s.Key)
		}
	}
	return x, nil
}

// parts has the files of one sample that have been seen so far.
type parts struct {
	sample
	image, class bool
}

// scanFile is scan for the file at path.
func scanFile(ctx context.Context, path string) (*index, error) {
	file, err := durable.OpenPlain(path)
	if err != nil {
		return nil, dataset.Cause(err)
	}
	defer file.Close()
	return scan(ctx, file)
}

// scan reads the headers of a tar, and the small files that say which class an image is.
func scan(ctx context.Context, file io.ReadSeeker) (*index, error) {
	x := &index{Version: indexVersion}
	at := map[string]int{}
	var found []parts
	for r := tar.NewReader(file); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		key, extension := split(header.Name)
		if header.Typeflag != tar.TypeReg || key == "" || sparse(header) {
			continue
		}
		i, known := at[key]
		if !known {
			i = len(found)
			if at[key] = i; i == maxSamples {
				return nil, fmt.Errorf("has more than %d samples", maxSamples)
			}
			found = append(found, parts{sample: sample{Key: key}})
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err == nil {
			err = found[i].add(extension, offset, header.Size, r)
		}
		if err != nil {
			return nil, fmt.Errorf("file %q: %w", header.Name, err)
		}
	}
	for _, p := range found {
		if p.image && !p.class {
			return nil, fmt.Errorf("the image %q has no class: a file %s.cls or %s.json with \"label\"", p.Key, p.Key, p.Key)
		}
		if p.image {
			x.Samples = append(x.Samples, p.sample)
		}
	}
	return x, nil
}

// split returns the key of a name, which ends before the first dot after the last slash,
// and the extension after it in lower case. Files that operating systems add have no key.
func split(name string) (key, extension string) {
	dir, base := path.Split(name)
	stem, extension, found := strings.Cut(base, ".")
	if !found || stem == "" || len(name) > maxKey {
		return "", ""
	}
	return dir + stem, strings.ToLower(extension)
}

// sparse reports whether a file is stored with holes, so that its bytes are not at their
// apparent positions.
func sparse(h *tar.Header) bool {
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// add adds one file of a sample.
func (p *parts) add(extension string, offset, size int64, r io.Reader) error {
	switch {
	case extension == "cls" || extension == "json":
		if size > maxBeside {
			return fmt.Errorf("has %d bytes, more than %d", size, maxBeside)
		}
		data, err := io.ReadAll(io.LimitReader(r, maxBeside))
		if err != nil {
			return err
		}
		return p.addClass(extension, data)
	case photo.HasImageName("x."+extension) && !strings.Contains(extension, ".") && !p.image:
		if size < 1 || size > maxImage {
			return fmt.Errorf("an image of %d bytes: outside 1..%d", size, maxImage)
		}
		p.image, p.Offset, p.Bytes = true, offset, size
	}
	return nil
}

// addClass reads the class. A json file may contain other things instead.
func (p *parts) addClass(extension string, data []byte) error {
	if extension == "cls" {
		class, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil || class < 0 || class >= maxClasses {
			return fmt.Errorf("%q is not a class, which is a number in 0..%d", bytes.TrimSpace(data[:min(len(data), 40)]), maxClasses-1)
		}
		p.Class, p.Name, p.class = class, "", true
		return nil
	}
	if p.class {
		return nil
	}
	var named struct{ Label, Cls, Class json.RawMessage }
	if err := json.Unmarshal(data, &named); err != nil {
		return err
	}
	value := cmp.Or(string(named.Label), string(named.Cls), string(named.Class))
	if value == "" || value == "null" {
		return nil
	}
	if class, err := strconv.Atoi(value); err == nil && class >= 0 && class < maxClasses {
		p.Class, p.class = class, true
		return nil
	}
	if err := json.Unmarshal([]byte(value), &p.Name); err != nil || p.Name == "" {
		return errors.New("its class is neither a number nor a name")
	}
	p.Class, p.class = -1, true
	return nil
}

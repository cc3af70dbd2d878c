package shard

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
	"onnxlab/internal/durable"
)

// WriteOptions says how shards are written.
type WriteOptions struct {
	// Bytes is the size at which a shard ends and the next one begins; 0 means 256 MB.
	Bytes int64
	// ShortSide, if not 0, reduces images so that their shorter side has this many pixels,
	// turns them upright, and stores them as JPEG with this Quality; 0 means 90. Otherwise
	// files are stored unchanged.
	ShortSide, Quality int
	// Decoder and Photo are used to decode images that are reduced.
	Decoder photo.Decoder
	Photo   photo.Limits
	// Progress, if not nil, is called with the number of images stored so far.
	Progress func(images int)
}

const (
	defaultBytes   = 256 << 20
	defaultQuality = 90
)

// Write stores splits of photographs, whose sets must stream and have one class for each
// image, as shards in the new folder dir: train-000000.tar, val-000000.tar and so on,
// classes.txt and the indexes. The folder appears when everything is written.
func Write(ctx context.Context, dir string, o WriteOptions, splits *dataset.Splits) (err error) {
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("write shards: %q already exists", dir)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fmt.Errorf("write shards: %w", err)
	}
	tmp, err := durable.TempDir(parent)
	if err != nil {
		return fmt.Errorf("write shards: %w", err)
	}
	defer os.RemoveAll(tmp)
	w := &writer{o: o, dir: tmp}
	var classes []string
	for _, s := range []struct {
		name string
		set  *dataset.Set
	}{{"train", splits.Train}, {"val", splits.Validation}, {"test", splits.Test}} {
		if s.set == nil {
			continue
		}
		if s.set.MultiLabel() {
			return errors.New("write shards: images may have several classes, but shards store one for each")
		}
		classes = s.set.Classes
		if err := w.write(ctx, s.name, s.set); err != nil {
			return err
		}
	}
	text := strings.Join(classes, "\n") + "\n"
	if err := durable.WriteBytes(filepath.Join(tmp, ClassesName), []byte(text)); err != nil {
		return err
	}
	return durable.PublishDir(tmp, dir, func(string) bool { return false })
}

// writer writes the splits one after the other.
type writer struct {
	o      WriteOptions
	dir    string
	images int
	cutter photo.Cutter
}

// write writes one split.
func (w *writer) write(ctx context.Context, name string, set *dataset.Set) error {
	for i, number := 0, 0; i < set.Len(); number++ {
		path := filepath.Join(w.dir, fmt.Sprintf("%s-%06d.tar", name, number))
		err := durable.WriteFile(path, func(out io.Writer) (err error) {
			i, err = w.shard(ctx, out, set, i)
			return err
		})
		if err != nil {
			return err
		}
		if _, err := indexOf(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// shard writes images, beginning with image i, and returns the number of the first image of
// the next shard.
func (w *writer) shard(ctx context.Context, out io.Writer, set *dataset.Set, i int) (int, error) {
	limit := w.o.Bytes
	if limit == 0 {
		limit = defaultBytes
	}
	archive := tar.NewWriter(out)
	for written := int64(0); i < set.Len() && written < limit; i++ {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		data, extension, err := w.read(set, i)
		if err != nil {
			return i, err
		}
		key := fmt.Sprintf("%08d", w.images)
		class := strconv.Itoa(int(set.Label(i)))
		about := fmt.Sprintf("{\"file\": %s}\n", strconv.QuoteToASCII(set.Files[i]))
		for _, f := range []struct{ extension, data string }{{extension, string(data)}, {"cls", class}, {"json", about}} {
			if err := add(archive, key+"."+f.extension, f.data); err != nil {
				return i, err
			}
			written += int64(len(f.data))
		}
		if w.images++; w.o.Progress != nil {
			w.o.Progress(w.images)
		}
	}
	return i, archive.Close()
}

// add writes a file with a header that is the same on every machine and at any time.
func add(archive *tar.Writer, name, data string) error {
	header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data)), Format: tar.FormatUSTAR}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.WriteString(archive, data)
	return err
}

// read returns the bytes of an image, unchanged or reduced.
func (w *writer) read(set *dataset.Set, i int) (data []byte, extension string, err error) {
	file, err := set.Original(i)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	if w.o.ShortSide > 0 {
		data, err = w.reduce(file)
		if err != nil {
			err = dataset.FileError(set.Files[i], err)
		}
		return data, "jpg", err
	}
	data, err = io.ReadAll(io.LimitReader(file, maxImage+1))
	if err == nil && len(data) > maxImage {
		err = dataset.FileError(set.Files[i], errors.New("has more than a gigabyte"))
	}
	extension = strings.TrimPrefix(strings.ToLower(path.Ext(set.Files[i])), ".")
	if !photo.HasImageName("x." + extension) {
		extension = "jpg" // readers look at the bytes
	}
	return data, extension, err
}

// reduce returns the upright picture as JPEG, reduced if it is too large.
func (w *writer) reduce(file io.ReadSeeker) ([]byte, error) {
	w.cutter.Decoder, w.cutter.Limits = w.o.Decoder, w.o.Photo
	height, width, err := w.cutter.Size(file)
	if err != nil {
		return nil, err
	}
	h, x := height, width
	if short := min(height, width); short > w.o.ShortSide {
		h, x = max(height*w.o.ShortSide/short, 1), max(width*w.o.ShortSide/short, 1)
	}
	pixels := make([]uint8, 3*h*x)
	whole := image.Rect(0, 0, width, height)
	if err := w.cutter.Read(file, func(int, int) photo.Cut { return photo.Whole(whole, h, x) }, pixels); err != nil {
		return nil, err
	}
	picture := image.NewRGBA(image.Rect(0, 0, x, h))
	for i := range h * x {
		copy(picture.Pix[4*i:4*i+3], pixels[3*i:])
		picture.Pix[4*i+3] = 255
	}
	quality := w.o.Quality
	if quality == 0 {
		quality = defaultQuality
	}
	var b bytes.Buffer
	err = jpeg.Encode(&b, picture, &jpeg.Options{Quality: quality})
	return b.Bytes(), err
}

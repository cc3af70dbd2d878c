// Package download fetches files over HTTP, going on where an earlier try stopped,
// and unpacks archives that may be hostile.
package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/internal/terminal"
)

// File is one file to fetch over HTTP.
type File struct {
	// Name is what messages call it.
	Name string
	// URL is where it is, and Path where it goes. What has arrived stays there
	// when the rest does not, and the next Fetch goes on from there.
	URL, Path string
	// SHA256 is what the file must have, in hexadecimal.
	SHA256 string
	// Limit is the most bytes that are taken.
	Limit int64
	// Report is told how far the download is.
	Report terminal.Reporter
}

// stall is how long the server may be silent.
const stall = time.Minute

// Fetch downloads the file, or the rest of it, and checks its hash. A file with
// another hash is removed: if an earlier try had left a part of it, all of it is
// fetched once more.
func (f File) Fetch(ctx context.Context) error {
	for {
		resumed, err := f.run(ctx)
		if err != nil {
			return err
		}
		hash, err := durable.HashFile(f.Path)
		if err != nil || hash == f.SHA256 {
			return err
		}
		if err := os.Remove(f.Path); err != nil {
			return err
		}
		if !resumed {
			return &dataset.Error{
				Path: f.URL, Record: dataset.NoRecord,
				Err: fmt.Errorf("the archive has SHA-256 %s, not %s", hash, f.SHA256),
				Fix: "fetch it again, or give another source with --url",
			}
		}
		// What was there was the start of something else.
		f.Report.Line("the parts do not fit together; fetching all of it again")
	}
}

// run downloads what is missing of the file; resumed tells whether some of it
// was there. What has arrived stays when the rest does not; a file of nothing goes.
func (f File) run(ctx context.Context) (resumed bool, err error) {
	if err := durable.RefuseLink(f.Path); err != nil {
		return false, fmt.Errorf("download: %w", err)
	}
	file, err := os.OpenFile(f.Path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return false, fmt.Errorf("download: %w", err)
	}
	defer func() {
		size, seekErr := file.Seek(0, io.SeekEnd)
		_ = file.Close() // run has synced it, or has an error
		if err != nil && seekErr == nil && size == 0 {
			os.Remove(f.Path)
		}
	}()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("download: %w", err)
	}
	watching, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Every byte that arrives sets the watch back.
	watch := time.AfterFunc(stall, func() { cancel(fmt.Errorf("no answer for %v", stall)) })
	defer watch.Stop()
	have, err = f.receive(watching, file, have, watch)
	if err != nil {
		if cause := cmp.Or(ctx.Err(), context.Cause(watching)); cause != nil {
			err = fmt.Errorf("download %q: %w", f.URL, cause)
		}
		return false, err
	}
	return have > 0, file.Sync()
}

// receive asks for the bytes from have on and adds them to the file. It
// returns how many of the earlier ones were kept.
func (f File) receive(ctx context.Context, file *os.File, have int64, watch *time.Timer) (kept int64, err error) {
	response, err := f.ask(ctx, have)
	if err != nil {
		return 0, fmt.Errorf("download: %w", err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		if have > 0 {
			// All of it is there, or more than there should be: the hash tells.
			return have, nil
		}
		return 0, f.refused(response)
	case http.StatusPartialContent:
		if !startsAt(response, have) {
			return 0, dataset.FileError(f.URL, fmt.Errorf("the server sends %q, not the bytes from %d on", response.Header.Get("Content-Range"), have))
		}
	case http.StatusOK:
		// The server has no ranges: what it sends starts at the beginning.
		have = 0
	default:
		return 0, f.refused(response)
	}
	if err := file.Truncate(have); err != nil {
		return 0, err
	}
	if _, err := file.Seek(have, io.SeekStart); err != nil {
		return 0, err
	}
	return have, f.store(file, response, have, watch)
}

// ask requests the bytes from have on.
func (f File) ask(ctx context.Context, have int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return nil, err
	}
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	// Else the archive may be taken for something to be uncompressed on the way.
	request.Header.Set("Accept-Encoding", "identity")
	return http.DefaultClient.Do(request)
}

// refused is the error of a status that brings no file.
func (f File) refused(response *http.Response) error {
	return &dataset.Error{
		Path: f.URL, Record: dataset.NoRecord,
		Err: fmt.Errorf("the server answers %s", response.Status),
		Fix: "try again later, or give another source with --url",
	}
}

// startsAt tells whether a partial response begins at that byte.
func startsAt(response *http.Response, at int64) bool {
	var from int64
	_, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-", &from)
	return err == nil && from == at
}

// store writes the body of the response to the file, whose first have bytes
// are there.
func (f File) store(file *os.File, response *http.Response, have int64, watch *time.Timer) error {
	total := int64(-1)
	if response.ContentLength >= 0 {
		total = have + response.ContentLength
	}
	shown, done := transfer(f.Report, f.Name, have, total)
	defer done()
	body := &watched{r: response.Body, watch: watch}
	n, err := io.Copy(io.MultiWriter(file, shown), io.LimitReader(body, f.Limit-have+1))
	switch {
	case have+n > f.Limit:
		err = &dataset.Error{Path: f.URL, Record: dataset.NoRecord, Err: fmt.Errorf("the file has more than %d bytes", f.Limit)}
		return errors.Join(err, file.Truncate(0))
	case err != nil:
		return fmt.Errorf("download %q: stopped after %d bytes: %w; the same command goes on from there", f.URL, have+n, err)
	}
	return nil
}

// watched sets a watch back with every byte that arrives.
type watched struct {
	r     io.Reader
	watch *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.watch.Reset(stall)
	}
	return n, err
}

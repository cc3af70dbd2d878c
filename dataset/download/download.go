// Package download fetches files over HTTP, resuming interrupted downloads, and unpacks
// archives that may be hostile.
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
	// Name is the name of the file in messages.
	Name string
	// URL is the address of the file, and Path is where it is stored. An interrupted
	// download stays there, and the next Fetch resumes it.
	URL, Path string
	// SHA256 is the expected hash of the file, in hexadecimal.
	SHA256 string
	// Limit is the most bytes that the file may have.
	Limit int64
	// Report reports the progress of the download.
	Report terminal.Reporter
}

// stall is how long the server may send nothing.
const stall = time.Minute

// Fetch downloads the file, or the rest of it, and checks its hash. A file with another
// hash is removed. If it consisted of parts from several attempts, Fetch downloads all of
// it once more.
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
		// The first part was the start of another file.
		f.Report.Line("the parts do not fit together; fetching all of it again")
	}
}

// run downloads the rest of the file, and reports whether a part of it already existed. If
// the download is interrupted, the received part stays, but an empty file is removed.
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
		_ = file.Close() // the file has been synced, or an error is returned
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
	// Every read that receives data resets the timer.
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

// receive requests the bytes from have on and appends them to the file. It returns how many
// of the earlier bytes were kept.
func (f File) receive(ctx context.Context, file *os.File, have int64, watch *time.Timer) (kept int64, err error) {
	response, err := f.ask(ctx, have)
	if err != nil {
		return 0, fmt.Errorf("download: %w", err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		if have > 0 {
			// The file is complete, or longer than it should be: the hash will show.
			return have, nil
		}
		return 0, f.refused(response)
	case http.StatusPartialContent:
		if !startsAt(response, have) {
			return 0, dataset.FileError(f.URL, fmt.Errorf("the server sends %q, not the bytes from %d on", response.Header.Get("Content-Range"), have))
		}
	case http.StatusOK:
		// The server does not support ranges and sends the whole file.
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
	// Without this header, the transport might uncompress the archive.
	request.Header.Set("Accept-Encoding", "identity")
	return http.DefaultClient.Do(request)
}

// refused returns the error for a status other than success.
func (f File) refused(response *http.Response) error {
	return &dataset.Error{
		Path: f.URL, Record: dataset.NoRecord,
		Err: fmt.Errorf("the server answers %s", response.Status),
		Fix: "try again later, or give another source with --url",
	}
}

// startsAt reports whether a partial response begins at byte number at.
func startsAt(response *http.Response, at int64) bool {
	var from int64
	_, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-", &from)
	return err == nil && from == at
}

// store appends the body of the response to the file, which has `have` bytes already.
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

// watched is a reader that resets a timer whenever data arrives.
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

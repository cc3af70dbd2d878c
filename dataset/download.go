package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"onnxlab/internal/durable"
	"onnxlab/internal/terminal"
)

// download gets one file over HTTP, going on where an earlier try stopped.
type download struct {
	url, path string
	report    terminal.Reporter
	// stall is how long the server may be silent.
	stall time.Duration
	// limit is the most bytes that are taken.
	limit int64
}

// newDownload has the limits for CIFAR-10, whose archive has 170 MB.
func newDownload(url, path string, report terminal.Reporter) download {
	return download{url: url, path: path, report: report, stall: time.Minute, limit: 1 << 29}
}

// run downloads what is missing of the file; resumed tells whether some of it
// was there. What has arrived stays when the rest does not; a file of nothing goes.
func (d download) run(ctx context.Context) (resumed bool, err error) {
	if err := durable.RefuseLink(d.path); err != nil {
		return false, fmt.Errorf("download: %w", err)
	}
	file, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return false, fmt.Errorf("download: %w", err)
	}
	defer func() {
		size, seekErr := file.Seek(0, io.SeekEnd)
		_ = file.Close() // run has synced it, or has an error
		if err != nil && seekErr == nil && size == 0 {
			os.Remove(d.path)
		}
	}()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("download: %w", err)
	}
	watching, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Every byte that arrives sets the watch back.
	watch := time.AfterFunc(d.stall, func() { cancel(fmt.Errorf("no answer for %v", d.stall)) })
	defer watch.Stop()
	have, err = d.receive(watching, file, have, watch)
	if err != nil {
		if cause := cmp.Or(ctx.Err(), context.Cause(watching)); cause != nil {
			err = fmt.Errorf("download %q: %w", d.url, cause)
		}
		return false, err
	}
	return have > 0, file.Sync()
}

// receive asks for the bytes from have on and adds them to the file. It
// returns how many of the earlier ones were kept.
func (d download) receive(ctx context.Context, file *os.File, have int64, watch *time.Timer) (kept int64, err error) {
	response, err := d.ask(ctx, have)
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
		return 0, d.refused(response)
	case http.StatusPartialContent:
		if !startsAt(response, have) {
			return 0, fileError(d.url, fmt.Errorf("the server sends %q, not the bytes from %d on", response.Header.Get("Content-Range"), have))
		}
	case http.StatusOK:
		// The server has no ranges: what it sends starts at the beginning.
		have = 0
	default:
		return 0, d.refused(response)
	}
	if err := file.Truncate(have); err != nil {
		return 0, err
	}
	if _, err := file.Seek(have, io.SeekStart); err != nil {
		return 0, err
	}
	return have, d.store(file, response, have, watch)
}

// ask requests the bytes from have on.
func (d download) ask(ctx context.Context, have int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
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
func (d download) refused(response *http.Response) error {
	return &Error{
		Path: d.url, Record: NoRecord,
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
func (d download) store(file *os.File, response *http.Response, have int64, watch *time.Timer) error {
	total := int64(-1)
	if response.ContentLength >= 0 {
		total = have + response.ContentLength
	}
	shown, done := transfer(d.report, "CIFAR-10", have, total)
	defer done()
	body := &watched{r: response.Body, watch: watch, stall: d.stall}
	n, err := io.Copy(io.MultiWriter(file, shown), io.LimitReader(body, d.limit-have+1))
	switch {
	case have+n > d.limit:
		err = &Error{Path: d.url, Record: NoRecord, Err: fmt.Errorf("the file has more than %d bytes", d.limit)}
		return errors.Join(err, file.Truncate(0))
	case err != nil:
		return fmt.Errorf("download %q: stopped after %d bytes: %w; the same command goes on from there", d.url, have+n, err)
	}
	return nil
}

// watched sets a watch back with every byte that arrives.
type watched struct {
	r     io.Reader
	watch *time.Timer
	stall time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.watch.Reset(w.stall)
	}
	return n, err
}

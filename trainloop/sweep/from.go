package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/warmstart"
)

// FromFile returns the path of the parameters with which the cells begin. Claim writes this
// copy, so that all cells begin with the same parameters, whatever happens to the source.
// It is empty if the cells begin with random parameters.
func (p *Plan) FromFile() string {
	if p.From == nil {
		return ""
	}
	return rundir.Layout{Dir: p.Root}.From()
}

// checkFrom returns a *Mismatch if the sweep began with other parameters than p.From. If
// p.From is nil, it sets it to those that the sweep began with.
func (p *Plan) checkFrom() error {
	var kept *warmstart.Source
	path := rundir.Layout{Dir: p.Root}.From()
	_, err := os.Stat(path)
	if err == nil {
		kept, err = warmstart.Read(path)
	}
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case p.From == nil:
		p.From = kept
		return nil
	case kept == nil:
		return &trainloop.Mismatch{Dir: p.Root, Differences: []string{fmt.Sprintf("--from: nothing became %s", p.From)}}
	case kept.SHA256() != p.From.SHA256():
		return &trainloop.Mismatch{Dir: p.Root, Differences: []string{fmt.Sprintf("--from: %s with SHA-256 %.12s became %s with %.12s",
			kept, kept.SHA256(), p.From, p.From.SHA256())}}
	}
	return nil
}

// keepFrom copies the parameters that the cells of a new sweep begin with.
func (p *Plan) keepFrom() error {
	path := rundir.Layout{Dir: p.Root}.From()
	if p.From != nil {
		return p.From.Write(path)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%q already exists, perhaps from a sweep that was killed while it started: remove it, or give another directory with --out", path)
	}
	return nil
}

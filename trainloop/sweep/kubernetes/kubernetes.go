// Package kubernetes trains the cells of a sweep on Kubernetes, as Jobs with one index for
// each cell.
//
//	launcher := &kubernetes.Launcher{Options: options}
//	jobs, err := launcher.Submit(ctx, plan, cells)
//
// The sweep directory must be on a volume that this host also mounts, at the same path,
// because this host reads in its files how each cell ended. The launcher keeps its own
// files in the folder kubernetes of that directory:
//
//	NAME.cells   one line for each cell of the Job NAME: its name and its directory
//	NAME.yaml    the Job
//	jobs.json    the submitted jobs: sweep.Job
//
// A pod that is evicted or deleted saves its state and ends with status 130. Kubernetes
// replaces it without counting it against the Job's limit. The statuses 2 and 3, for wrong
// settings and bad data, fail the cell at once.
package kubernetes

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"time"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// Name is the name of the launcher and of its folder.
const Name = "kubernetes"

//go:embed job.yaml.tmpl
var manifestText string

// Options says how Jobs are made.
type Options struct {
	// Image is the container image. It contains the command "pipeline" and the native
	// library.
	Image string
	// Claim is the volume claim that contains the sweep directory, and Mount the path at
	// which both the pods and this host mount it.
	Claim, Mount string
	// Namespace is the namespace of the Job; empty for that of kubectl's context.
	Namespace string
	// CellFlag returns the name of a cell as "train --cell" takes it.
	CellFlag func(rundir.Key) string
	// From is the path of the parameters with which the cells begin; empty for none.
	From string
	// Threads is the number of processors of each cell, and Memory its memory in bytes; 0
	// for no limit. GPU requests one NVIDIA GPU.
	Threads int
	Memory  int64
	GPU     bool
	// AtOnce is the largest number of cells that run at the same time; 0 means all of them.
	AtOnce int
	// Apply submits the Job to the cluster with kubectl. Otherwise it is written to
	// Manifest.
	Apply    bool
	Manifest io.Writer
}

// Launcher is the sweep.Launcher of Kubernetes. Alive and Cancel need no options.
type Launcher struct{ Options }

var _ sweep.Launcher = (*Launcher)(nil)

// Name returns "kubernetes".
func (*Launcher) Name() string { return Name }

// Submit makes a Job of the cells, and applies it or writes it to Manifest.
func (l *Launcher) Submit(ctx context.Context, p *sweep.Plan, cells []sweep.Cell) ([]sweep.Job, error) {
	earlier, err := sweep.ReadJobs(p.Root, Name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(sweep.Folder(p.Root, Name), 0o755); err != nil {
		return nil, err
	}
	job := sweep.Job{ID: jobName(p, len(earlier)+1), Namespace: l.Namespace, Submitted: time.Now().UTC().Truncate(time.Second)}
	var list strings.Builder
	for i, c := range cells {
		if err := sweep.Prepare(c); err != nil {
			return nil, err
		}
		fmt.Fprintf(&list, "%s\t%s\n", l.CellFlag(c.Key), c.Dir)
		job.Tasks = append(job.Tasks, sweep.Task{Index: i, Key: c.Key})
	}
	manifest, err := l.manifest(p, job.ID, len(cells))
	if err != nil {
		return nil, err
	}
	base := filepath.Join(sweep.Folder(p.Root, Name), job.ID)
	if err := errors.Join(durable.WriteBytes(base+".cells", []byte(list.String())), durable.WriteBytes(base+".yaml", manifest)); err != nil {
		return nil, err
	}
	if err := l.hand(ctx, base+".yaml", manifest); err != nil {
		return nil, err
	}
	return []sweep.Job{job}, sweep.AddJob(p.Root, Name, job)
}

// hand applies the Job, or writes it to Manifest.
func (l *Launcher) hand(ctx context.Context, path string, manifest []byte) error {
	if !l.Apply {
		_, err := l.Manifest.Write(manifest)
		return err
	}
	_, err := kubectl(ctx, l.Namespace, "apply", "-f", path)
	return err
}

// Script returns the Job for the plan's cells, for people to look at.
func (l *Launcher) Script(p *sweep.Plan) (string, error) {
	text, err := l.manifest(p, jobName(p, 1), len(p.Cells))
	return string(text), err
}

func (l *Launcher) manifest(p *sweep.Plan, name string, cells int) ([]byte, error) {
	t, err := template.New("job").Funcs(template.FuncMap{"text": text}).Parse(manifestText)
	if err != nil {
		return nil, err
	}
	atOnce := cells
	if l.AtOnce > 0 {
		atOnce = min(cells, l.AtOnce)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Options": l.Options, "Name": name, "Sweep": p.Root, "Cells": cells, "AtOnce": atOnce, "Locked": sweep.ExitLocked,
		"List": filepath.Join(sweep.Folder(p.Root, Name), name+".cells"), "Megabytes": (l.Memory + 1<<20 - 1) >> 20,
	})
	return b.Bytes(), err
}

// text returns a string as a YAML value.
func text(s string) (string, error) {
	data, err := json.Marshal(s)
	return string(data), err
}

// jobName returns a name that no other Job has: it contains the name of the sweep, a hash
// of its directory and the number of the Job.
func jobName(p *sweep.Plan, number int) string {
	const longest = 40 // names of pods are longer, and may have 63 characters
	name := p.Experiment.Name
	if name == "" {
		name = filepath.Base(p.Root)
	}
	name = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = strings.TrimRight("sweep-"+name, "-")
	}
	name = strings.TrimRight(name[:min(len(name), longest)], "-")
	place := sha256.Sum256([]byte(p.Root))
	return fmt.Sprintf("%s-%x-%d", name, place[:3], number)
}

// Cancel deletes the Jobs of the sweep in root. Their pods save their state.
func (*Launcher) Cancel(ctx context.Context, root string) error {
	jobs, err := sweep.ReadJobs(root, Name)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if _, err := kubectl(ctx, j.Namespace, "delete", "job", j.ID, "--ignore-not-found", "--wait=false"); err != nil {
			return err
		}
	}
	return nil
}

// kubectl runs kubectl and returns its output. Its error ends with the message of kubectl.
func kubectl(ctx context.Context, namespace string, args ...string) ([]byte, error) {
	if namespace != "" {
		args = append(args, "--namespace="+namespace)
	}
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("kubectl: there is no such command on this host: --apply and the status of cells on Kubernetes need it")
	}
	return nil, fmt.Errorf("kubectl %s: %s", args[0], strings.TrimSpace(stderr.String()))
}

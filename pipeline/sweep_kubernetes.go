package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/sweep"
	"onnxlab/trainloop/sweep/kubernetes"
)

// kubernetesFlags are the flags of --on kubernetes.
type kubernetesFlags struct {
	image, volume, namespace, memory string
	apply                            bool
}

func (f *kubernetesFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.image, "image", "", "container image for --on kubernetes, built with the Dockerfile")
	flags.StringVar(&f.volume, "claim", "", "volume claim with the sweep directory, NAME:PATH; PATH is where this host and the pods mount it (default: the sweep directory)")
	flags.StringVar(&f.namespace, "namespace", "", "namespace of the Job (default: that of kubectl's context)")
	flags.StringVar(&f.memory, "memory", "", "memory of each pod, such as 4Gi (default: from a measured step)")
	flags.BoolVar(&f.apply, "apply", false, "submit the Job with kubectl instead of writing it to stdout")
}

// check refuses flags that are missing, or that are given for another launcher.
func (f *kubernetesFlags) check(on string, wait bool) error {
	given := map[string]bool{"image": f.image != "", "claim": f.volume != "", "namespace": f.namespace != "", "memory": f.memory != "", "apply": f.apply}
	if on != kubernetes.Name {
		for _, name := range []string{"image", "claim", "namespace", "memory", "apply"} {
			if given[name] {
				return cli.BadUsagef("--%s needs --on kubernetes", name)
			}
		}
		return nil
	}
	for _, name := range []string{"image", "claim"} {
		if !given[name] {
			return cli.BadUsagef("--on kubernetes needs --%s", name)
		}
	}
	if wait && !f.apply {
		return cli.BadUsage(errors.New("--wait: without --apply the Job is only written, not submitted: add --apply"))
	}
	_, err := f.bytes()
	return err
}

// bytes returns --memory in bytes; 0 if it is not given.
func (f *kubernetesFlags) bytes() (int64, error) {
	if f.memory == "" {
		return 0, nil
	}
	m := regexp.MustCompile(`^([1-9][0-9]{0,9})(Mi|Gi)$`).FindStringSubmatch(f.memory)
	if m == nil {
		return 0, cli.BadUsagef("--memory: %q: want a number of Mi or Gi, such as 512Mi or 4Gi", f.memory)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n << map[string]int{"Mi": 20, "Gi": 30}[m[2]], err
}

// newKubernetes prepares the Job of the sweep.
func newKubernetes(ctx context.Context, opts *sweepOptions, plan *sweep.Plan, stdout, stderr io.Writer) (*kubernetes.Launcher, error) {
	claim, mount, hasPath := strings.Cut(opts.volume, ":")
	if !hasPath {
		mount = plan.Root
	}
	if inside, err := filepath.Rel(mount, plan.Root); err != nil || !filepath.IsAbs(mount) || !filepath.IsLocal(inside) {
		return nil, cli.BadUsagef("--claim %q: the sweep directory %q is not below %q: give --out a directory on the volume", opts.volume, plan.Root, mount)
	}
	if data := plan.Experiment.Data.Path; data != "" {
		absolute, err := filepath.Abs(data)
		if err != nil {
			return nil, err
		}
		if inside, err := filepath.Rel(mount, absolute); err != nil || !filepath.IsLocal(inside) {
			cli.WriteNotes(stderr, []string{fmt.Sprintf("data.path %q is not below %q, where pods mount the volume: they can read it only if it is in the container image", data, mount)})
		}
	}
	r := plan.Experiment.Runtime
	o := kubernetes.Options{
		Image: opts.image, Claim: claim, Mount: mount, Namespace: opts.namespace, CellFlag: cli.CellFlag, AtOnce: opts.jobs,
		Threads: r.Threads, GPU: r.Device.Traits().Exclusive, Apply: opts.apply, Manifest: stdout,
	}
	command, err := clusterCommand(ctx, plan, stderr)
	if err != nil {
		return nil, err
	}
	if o.Memory, err = opts.bytes(); err == nil && o.Memory == 0 && !r.Device.Traits().OwnMemory {
		o.Memory, err = memoryOfCells(ctx, plan, command, "--memory", stderr)
	}
	return &kubernetes.Launcher{Options: o}, err
}

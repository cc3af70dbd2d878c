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

	"onnxlab/dataset/cifar"
	"onnxlab/pipeline/internal/cli"
)

type dataFetchOptions struct {
	out    string
	url    string
	sha256 string
}

func newDataFetchCommand() *cobra.Command {
	var opts dataFetchOptions
	cmd := &cobra.Command{
		Use:   "fetch",
		Short: "Download CIFAR-10",
		Long: `Download CIFAR-10 in its binary form (170 MB), check its SHA-256 and unpack it
below the folder given with --out. Printed is the folder to use as data.path:

  pipeline data fetch --out data
  pipeline train --set data.source=cifar10 --set data.path=data/cifar-10-batches-bin

What is there already is not fetched again. A download that was cut off goes on
where it stopped when the command is given again.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDataFetch(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	cmd.Flags().StringVar(&opts.out, "out", "", "folder to unpack into (required)")
	cmd.Flags().StringVar(&opts.url, "url", cifar.URL, "where the archive is")
	cmd.Flags().StringVar(&opts.sha256, "sha256", cifar.SHA256, "SHA-256 that the archive must have")
	return cmd
}

var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

func runDataFetch(ctx context.Context, opts *dataFetchOptions, stdout, stderr io.Writer) error {
	switch {
	case opts.out == "":
		return cli.BadUsage(errors.New("--out DIR is required"))
	case !strings.HasPrefix(opts.url, "https://") && !strings.HasPrefix(opts.url, "http://"):
		return cli.BadUsagef("--url %q begins with neither https:// nor http://", opts.url)
	case !hexSHA256.MatchString(opts.sha256):
		return cli.BadUsagef("--sha256 %q is not 64 digits of 0..9 and a..f", opts.sha256)
	}
	if err := cli.RefuseDeadLink("out", opts.out); err != nil {
		return err
	}
	dir, err := cifar.Fetch(ctx, cifar.FetchOptions{Dir: opts.out, URL: opts.url, SHA256: opts.sha256, Progress: stderr})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, dir)
	return err
}

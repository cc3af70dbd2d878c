package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset/photo/jpegturbo"
	"onnxlab/internal/processor"
	"onnxlab/ort/library"
	"onnxlab/ort/session"
	"onnxlab/pipeline/internal/cli"
)

func newRuntimeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runtime",
		Short: "Install and describe the ONNX Runtime library",
		Args:  cli.CheckArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(cli.NeedsLibrary(newRuntimeInstallCommand()), cli.NeedsLibrary(newRuntimeInfoCommand()))
	return cmd
}

// runtimeOptions are the flags of both subcommands. They override the
// configuration.
type runtimeOptions struct {
	config  string
	set     []string
	device  string
	library string
	from    string
	jpeg    bool
	json    bool
}

func (o *runtimeOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.config, "config", "", "experiment, a YAML file; its section runtime is used")
	flags.StringArrayVar(&o.set, "set", nil, "override one setting, section.key=value (repeatable)")
	flags.StringVar(&o.device, "device", "", "cpu or cuda (default: runtime.device of the configuration)")
}

// resolve returns the library that the configuration and the flags ask for.
func (o *runtimeOptions) resolve(progress io.Writer) (library.Options, error) {
	experiment, err := configs.Load(o.config, o.set)
	if err != nil {
		return library.Options{}, err
	}
	options := library.Options{
		Library: experiment.Runtime.Library, Device: experiment.Runtime.Device, Progress: progress,
	}
	if o.library != "" {
		options.Library = o.library
	}
	if o.device != "" {
		options.Device = configs.Device(o.device)
	}
	if err := options.Device.Check(); err != nil {
		return library.Options{}, cli.BadUsagef("--device: %w", err)
	}
	return options, nil
}

func newRuntimeInstallCommand() *cobra.Command {
	var opts runtimeOptions
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Put the ONNX Runtime library into the cache",
		Long: `Put the ONNX Runtime library into the cache, where every command finds it.

Without --from, the build that onnxlab pins is fetched with the Maven client,
mvn, and checked against its SHA-256. Training does this automatically if there
is no library yet. With --from, nothing is fetched: it names a jar, a zip, a tgz,
a shared library, or a folder that contains one. A library that is not the pinned
build is accepted if it has the training API, and is then used until you run install
without --from.

With --jpeg, libjpeg-turbo is put into its cache instead. It decodes JPEG images
three times as fast as Go does. Training on photographs fetches it automatically if
data.decoder asks for it.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRuntimeInstall(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.addFlags(cmd)
	cmd.Flags().StringVar(&opts.from, "from", "", "file or folder to install instead of fetching")
	cmd.Flags().BoolVar(&opts.jpeg, "jpeg", false, "install libjpeg-turbo, which decodes JPEG images, instead of ONNX Runtime")
	return cmd
}

func runRuntimeInstall(ctx context.Context, opts *runtimeOptions, stdout, stderr io.Writer) error {
	options, err := opts.resolve(stderr)
	if err != nil {
		return err
	}
	if opts.jpeg {
		return installJPEG(ctx, opts, stdout, stderr)
	}
	installed, err := library.Install(ctx, options, opts.from)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, installed.Path)
	return err
}

// installJPEG fetches libjpeg-turbo and prints where it is.
func installJPEG(ctx context.Context, opts *runtimeOptions, stdout, stderr io.Writer) error {
	if opts.from != "" {
		return cli.BadUsage(errors.New("--jpeg: --from is for ONNX Runtime; set " + jpegturbo.EnvLibrary + " to a library of your own"))
	}
	lib, err := jpegturbo.Open(ctx, jpegturbo.Options{Fetch: true, Progress: stderr})
	if err != nil {
		return fmt.Errorf("install libjpeg-turbo: %w", err)
	}
	_, err = fmt.Fprintln(stdout, lib.Path)
	return err
}

// runtimeInfo describes all native libraries.
type runtimeInfo struct {
	library.Info
	// JPEG decodes JPEG images; nil if Go's own decoder does.
	JPEG *jpegturbo.Library `json:"jpeg"`
	// JPEGError says why libjpeg-turbo cannot be used although it is installed.
	JPEGError string `json:"jpeg_error,omitempty"`
	// Processor is empty if the system does not name it. Kernels is the instruction set of
	// onnxlab's kernels; empty if ONNX Runtime's own do the work.
	Processor string `json:"processor"`
	Kernels   string `json:"kernels"`
}

// kernelsText says what computes the steps of training on the CPU.
func (i *runtimeInfo) kernelsText() string {
	if i.Kernels == "" {
		return "ONNX Runtime's own; onnxlab has none for this processor"
	}
	return "onnxlab's for " + i.Kernels
}

// describeJPEG finds libjpeg-turbo without fetching it.
func (i *runtimeInfo) describeJPEG(ctx context.Context) {
	lib, err := jpegturbo.Open(ctx, jpegturbo.Options{})
	i.JPEG = lib
	if err != nil && !errors.Is(err, jpegturbo.ErrNone) {
		i.JPEGError = err.Error()
	}
}

// jpegText returns a text that says what decodes JPEG images.
func (i *runtimeInfo) jpegText() string {
	switch {
	case i.JPEG != nil:
		return fmt.Sprintf("libjpeg-turbo %s (%s), %s", i.JPEG.Version, i.JPEG.Origin, i.JPEG.Path)
	case i.JPEGError != "":
		return "Go's own decoder: " + i.JPEGError
	}
	return "Go's own decoder; 'pipeline runtime install --jpeg' fetches libjpeg-turbo"
}

func newRuntimeInfoCommand() *cobra.Command {
	var opts runtimeOptions
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Tell which ONNX Runtime library is used and whether it can train",
		Long: `Tell which ONNX Runtime library is used, where it came from, its version,
whether its training API answers, what it needs for CUDA, and which GPUs there
are, as nvidia-smi tells; which kernels compute steps on this processor; and what
decodes JPEG images. Nothing is fetched. With --device cuda it fails if a session on
the GPU cannot be made.

The first of these is used: --library, or runtime.library of the configuration;
the environment variable ` + library.EnvLibrary + `; the cache.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRuntimeInfo(cmd.Context(), &opts, cmd.OutOrStdout())
		},
	}
	opts.addFlags(cmd)
	cmd.Flags().StringVar(&opts.library, "library", "", "library or folder to describe instead of the configured one")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

// runRuntimeInfo prints what is known even if the library cannot be used, and then
// returns an error.
func runRuntimeInfo(ctx context.Context, opts *runtimeOptions, stdout io.Writer) error {
	options, err := opts.resolve(nil)
	if err != nil {
		return err
	}
	described, unusable := library.Describe(ctx, options)
	info := runtimeInfo{Info: described, Processor: processor.Model(), Kernels: session.Kernels()}
	info.describeJPEG(ctx)
	if unusable == nil && options.Device.Traits().Tried {
		if unusable = try(info.Path, options.Device); unusable != nil {
			info.CUDA, info.Error = false, unusable.Error()
		}
	}
	if opts.json {
		err = cli.PrintJSON(stdout, info)
	} else {
		err = writeRuntimeInfo(stdout, info)
	}
	if unusable != nil {
		return unusable
	}
	return err
}

// try makes a session on the device: all libraries may be there, but no GPU.
func try(path string, device configs.Device) error {
	if err := library.Open(path); err != nil {
		return err
	}
	return errors.Join(session.Check(session.Options{Device: device}), library.Close())
}

// writeRuntimeInfo prints info as a table and leaves out what is not known.
func writeRuntimeInfo(w io.Writer, info runtimeInfo) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	row("library", info.Path)
	row("version", info.Version)
	if info.Path != "" {
		row("training", yesNo(info.Training))
		row("cuda", cudaText(info.Info))
		row("cuda provider", info.CUDALibraries.Provider)
	}
	for _, text := range gpuTexts(info.Info) {
		row("gpu", text)
	}
	row("origin", string(info.Origin))
	row("source", info.Source)
	row("device", string(info.Device))
	row("platform", info.Platform)
	row("cache", info.Cache)
	row("processor", info.Processor)
	row("kernels", info.kernelsText())
	row("jpeg", info.jpegText())
	return table.Flush()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func cudaText(info library.Info) string {
	switch libraries := info.CUDALibraries; {
	case libraries.Provider == "":
		return "no, this library is only for the CPU"
	case len(libraries.Missing) > 0:
		return "no, this machine lacks " + strings.Join(libraries.Missing, ", ")
	}
	return yesNo(info.CUDA)
}

// gpuTexts returns a text for each GPU, or one that says that there are none.
func gpuTexts(info library.Info) []string {
	if info.GPUError != "" {
		return []string{"none found: " + info.GPUError}
	}
	texts := []string{}
	for _, g := range info.GPUs {
		texts = append(texts, fmt.Sprintf("%s, %s, driver %s", g.Name, g.Memory, g.Driver))
	}
	if len(texts) == 0 {
		return []string{"none found"}
	}
	return texts
}

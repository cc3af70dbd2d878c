package main

import (
	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/pipeline/internal/cli"
)

// addCompletion registers completions for root's subcommands and their flags.
func addCompletion(root *cobra.Command) {
	cli.Completion{Arguments: arguments(), Values: values()}.Add(root)
}

// arguments returns the completions of arguments, for the commands that have some.
func arguments() map[string]cobra.CompletionFunc {
	return map[string]cobra.CompletionFunc{
		"pipeline config check": cli.Files("yaml", "yml"),
		"pipeline inspect":      cli.AnyFile,
		"pipeline predict":      cli.Files("png", "jpg", "jpeg", "gif", "bmp", "webp"),
		"pipeline report":       cli.Directories,
	}
}

// values returns the completions of the values of flags, of one command or of all
// commands. Other flags with a text complete files.
func values() map[string]cobra.CompletionFunc {
	return map[string]cobra.CompletionFunc{
		"--config":   cli.Files("yaml", "yml"),
		"--data":     cli.Directories,
		"--device":   cli.Choice(configs.Choices("runtime.device")),
		"--geometry": cli.Choice(configs.Choices("augment.geometry")),
		"--input":    cli.Choice([]string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW}),
		"--out":      cli.Directories,
		"--path":     cli.Directories,
		"--recipe":   cli.Choice(configs.Choices("augment.recipe"), "custom"), // which needs operations
		"--resize":   cli.Choice([]string{onnxmodels.ResizeFill, onnxmodels.ResizeExact}),
		"--run":      cli.Directories,
		"--runtime":  cli.Choice([]string{cli.RuntimeORT, cli.RuntimeGo}),
		"--set":      cli.CompleteSet,
		"--sha256":   cobra.NoFileCompletions,
		"--source":   cli.Choice(configs.Choices("data.source")),
		"--target":   cli.Choice(onnxmodels.Targets()),
		"--url":      cobra.NoFileCompletions,

		"pipeline bench step --target": cli.Choice(stepTargets()),
		"pipeline data fetch --source": cli.Choice([]string{fetchCIFAR10, configs.SourceMNIST}),
		"pipeline config plot --out":   cli.Files("png", "svg"),
		"pipeline export model --out":  cli.AnyFile,
	}
}

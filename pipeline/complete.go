package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
)

// addCompletion tells shells what can follow the commands below root, and their
// flags.
func addCompletion(root *cobra.Command) { completion{arguments(), values()}.add(root) }

// completion is what completes arguments, by command, and values, by flag.
type completion struct {
	arguments, values map[string]cobra.CompletionFunc
}

func (c completion) add(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		c.add(sub)
	}
	if cmd.ValidArgsFunction = c.arguments[cmd.CommandPath()]; cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		complete := c.values[cmd.CommandPath()+" --"+f.Name]
		if complete == nil {
			complete = c.values["--"+f.Name]
		}
		switch {
		case complete != nil:
		case f.Value.Type() == "string":
			complete = anyFile
		default: // a number
			complete = cobra.NoFileCompletions
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // fails for unknown flags only
	})
}

// arguments are what completes the arguments of the commands that take some.
func arguments() map[string]cobra.CompletionFunc {
	return map[string]cobra.CompletionFunc{
		"pipeline config check": files("yaml", "yml"),
		"pipeline inspect":      anyFile,
		"pipeline predict":      files("png", "jpg", "jpeg", "gif", "bmp", "webp"),
		"pipeline report":       directories,
	}
}

// values are what completes the values of flags: of one command's, or else of
// all commands'. Other texts are files.
func values() map[string]cobra.CompletionFunc {
	return map[string]cobra.CompletionFunc{
		"--config":   files("yaml", "yml"),
		"--data":     directories,
		"--device":   choice(configs.Choices("runtime.device")),
		"--geometry": choice(configs.Choices("augment.geometry")),
		"--input":    choice([]string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW}),
		"--out":      directories,
		"--path":     directories,
		"--recipe":   choice(configs.Choices("augment.recipe"), "custom"), // which needs operations
		"--resize":   choice([]string{onnxmodels.ResizeFill, onnxmodels.ResizeExact}),
		"--run":      directories,
		"--runtime":  choice([]string{runtimeNative, runtimeGo}),
		"--set":      completeSet,
		"--sha256":   cobra.NoFileCompletions,
		"--source":   choice(configs.Choices("data.source")),
		"--target":   choice(onnxmodels.Targets()),
		"--url":      cobra.NoFileCompletions,

		"pipeline bench step --target": choice(stepTargets()),
		"pipeline data fetch --source": choice([]string{fetchCIFAR10, configs.SourceMNIST}),
		"pipeline config plot --out":   files("png", "svg"),
		"pipeline export model --out":  anyFile,
	}
}

// choice completes one of the words, except some.
func choice(words []string, except ...string) cobra.CompletionFunc {
	offered := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return slices.Contains(except, word) })
	return cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
}

// files completes the names of files that end so, and of directories.
func files(extensions ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}

func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func anyFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// completeSet completes the key of "section.key=value". The value is left to the
// shell: some take what is after "=" for a word of its own.
func completeSet(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(typed, "=") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	keys := configs.Keys()
	for i := range keys {
		keys[i] += "="
	}
	return keys, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveKeepOrder
}

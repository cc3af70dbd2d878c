package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"onnxlab/configs"
)

// Completion holds functions that complete the arguments of commands and the values of
// flags. Arguments has them by command, and Values by flag, or by command and flag.
type Completion struct {
	Arguments, Values map[string]cobra.CompletionFunc
}

// Add registers completions for cmd's subcommands and their flags.
func (c Completion) Add(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		c.Add(sub)
	}
	if cmd.ValidArgsFunction = c.Arguments[cmd.CommandPath()]; cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		complete := c.Values[cmd.CommandPath()+" --"+f.Name]
		if complete == nil {
			complete = c.Values["--"+f.Name]
		}
		switch {
		case complete != nil:
		case f.Value.Type() == "string":
			complete = AnyFile
		default: // a number
			complete = cobra.NoFileCompletions
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // fails for unknown flags only
	})
}

// Choice completes one of the words, without those in except.
func Choice(words []string, except ...string) cobra.CompletionFunc {
	offered := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return slices.Contains(except, word) })
	return cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
}

// Files completes the names of directories and of files with these extensions.
func Files(extensions ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}

// Directories completes the names of directories.
func Directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// AnyFile completes the names of files.
func AnyFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// CompleteSet completes the key of "section.key=value". It leaves the value to the
// shell, because some shells treat the text after "=" as a separate word.
func CompleteSet(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(typed, "=") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	keys := configs.Keys()
	for i := range keys {
		keys[i] += "="
	}
	return keys, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveKeepOrder
}

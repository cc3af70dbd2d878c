package cli

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// RefuseEmpty refuses flags with an empty value, for example from a variable that a
// script has not set: they would count as not given.
func RefuseEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.Type() == "string" && f.Value.String() == "" {
			err = BadUsagef("--%s is empty: give it a value, or leave it out", f.Name)
		}
	})
	return err
}

// CheckArgs makes wrong arguments a usage error. If the command takes arguments, the
// error names them in capitals, as its usage does.
func CheckArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			_, wanted, _ := strings.Cut(cmd.Use, " ")
			if wanted != "" && unicode.IsUpper(rune(wanted[0])) {
				err = fmt.Errorf("%d arguments, want %s", len(args), wanted)
			}
			return BadUsagef("%w (see '%s --help')", err, cmd.CommandPath())
		}
		return nil
	}
}

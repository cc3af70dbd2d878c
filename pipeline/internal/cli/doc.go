// Package cli holds what the subcommands of the command share: flags and what they mean,
// exit statuses and the errors that lead to them, progress, and output that is safe to
// print.
package cli

// Package terminaltest provides a terminal for tests, on Linux only.
package terminaltest

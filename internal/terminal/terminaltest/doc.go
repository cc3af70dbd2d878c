// Package terminaltest gives tests a terminal. It is for Linux alone.
package terminaltest

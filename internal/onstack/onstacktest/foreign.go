//go:build cgo && (linux || darwin)

// Package onstacktest gives tests a library that takes over a signal as ONNX
// Runtime's CUDA provider does.
package onstacktest

/*
#include <errno.h>
#include <signal.h>

static struct sigaction before;

static void foreign(int s, siginfo_t *info, void *context) {
	before.sa_sigaction(s, info, context);
}

static int take_over(int s) {
	struct sigaction a = {0};
	a.sa_sigaction = foreign;
	a.sa_flags = SA_SIGINFO | SA_RESTART; // and not SA_ONSTACK
	sigfillset(&a.sa_mask);
	return sigaction(s, &a, &before) == 0 ? 0 : errno;
}
*/
import "C"

import (
	"fmt"
	"syscall"
)

// TakeOver puts a handler without SA_ONSTACK before the one of the signal,
// which must be Go's. It can be called once in a process.
func TakeOver(s syscall.Signal) error {
	if code := C.take_over(C.int(s)); code != 0 {
		return fmt.Errorf("take over %v: %w", s, syscall.Errno(code))
	}
	return nil
}

// Package onstack keeps Go's signal handlers in place while foreign code is
// loaded.
//
//	err := onstack.Keep(func() error { return loadProvider() })
//
// Go's handlers must run on a stack of their own (SA_ONSTACK; os/signal,
// "Go programs that use cgo"). ONNX Runtime's CUDA provider, and what it
// loads, puts in handlers that do not: the next signal then ends the process
// with "non-Go code set up signal handler without SA_ONSTACK flag" instead of
// stopping the run (yalue/onnxruntime_go issue 140). It is no longer needed
// once the provider leaves the handlers alone.
//
// Where there is no cgo, or no sigaction, Keep only calls its function.
package onstack

// Package onstack keeps Go's signal handlers in place while foreign code is
// loaded.
//
//	err := onstack.Keep(func() error { return loadProvider() })
//
// Go's handlers must run on a stack of their own (SA_ONSTACK; os/signal,
// "Go programs that use cgo"). ONNX Runtime's CUDA provider, or a library that it
// loads, installs handlers that do not. The next signal then ends the process with
// "non-Go code set up signal handler without SA_ONSTACK flag" instead of stopping
// the run (yalue/onnxruntime_go issue 140). This package is no longer needed once
// the provider does not touch the handlers.
//
// Where there is no cgo, or no sigaction, Keep only calls its function.
package onstack

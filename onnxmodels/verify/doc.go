// Package verify compares two runtimes on one inference model: ONNX Runtime, whose
// outputs the caller passes in, and [onnxlab/onnxmodels/interp], which shares no
// code with it.
//
//	got, err := verify.Run(ctx, model, images)     // in pure Go
//	report, err := verify.Compare(inORT, got, verify.Tolerance)
//	err = report.Err()                             // beyond the tolerance
//
// The outputs of ONNX Runtime come from a session, or from a file that
// [Recording.Write] wrote on a machine that has ONNX Runtime.
package verify

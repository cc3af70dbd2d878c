// Package verify compares two runtimes on one inference model: ONNX Runtime, of
// which it knows only what it gave, and [onnxlab/onnxmodels/interp], which shares
// no code with it.
//
//	got, err := verify.Run(ctx, model, images)     // in pure Go
//	report, err := verify.Compare(native, got, verify.Tolerance)
//	err = report.Err()                             // beyond the tolerance
//
// The outputs of ONNX Runtime come from a session, or from a file that
// [Recording.Write] wrote where there is one.
package verify

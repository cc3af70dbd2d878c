// Package configs holds experiments: the plain types that every package may
// read, and their strict loading from YAML.
//
//	e, err := configs.Load("configs/quickstart.yaml", []string{"train.epochs=3"})
//
// A file sets what differs from Default, or from the file that it extends:
//
//	extends: study.yaml        # relative to this file
//	train: {epochs: 20, batch_size: 256}
//	sweep:
//	  conditions: [medium, long]
//	  definitions:
//	    long: {schedule: {warmup_epochs: 10}}
//
// "go doc" leaves out the example, which loads a file and shows what a mistake in it
// says. It is in configs/example_test.go, and go test -v -run Example onnxlab/configs
// runs it.
//
// # Layers
//
// Later ones win, setting by setting; a list replaces a list:
//
//  1. Default
//  2. the file, on top of those it extends
//  3. the environment: ONNXLAB_TRAIN_EPOCHS=3 is train.epochs
//  4. --set train.epochs=3, in their order
//
// LoadResolved also tells where each setting was given. One default depends on another
// setting: model.batchnorm.statistics is StatisticsRecalibrated where data.source is
// "folder", and else StatisticsKeras.
//
// # Strictness
//
// Nothing is guessed and nothing ignored. An unknown or misspelt key, a value
// of another type, a fractional count, a repeated key, a value out of range, a
// second document, an unknown ONNXLAB_ variable and settings that contradict
// each other are mistakes, and an *Error lists all of them with file, line and
// column. Files are bounded in size and in what aliases make of them, so that
// reading a hostile one ends soon. One may begin with %YAML 1.1 or %YAML 1.2, which
// make no difference here; it has no other directives.
//
// # Notes
//
// What is possible, but may not be meant, is no mistake: a warmup that does nothing
// or takes the whole run, decays beyond its last epoch, images that every epoch leaves
// out. Notes tells of it in a line each, with the place, and SweepNotes once for all
// runs of a sweep.
//
// # Conditions
//
// A sweep runs every condition of Sweep.Conditions at every batch size with
// every seed. A condition is an Overlay on the experiment; Cell gives the
// single run. The names none, medium, strong, warmup and shift-only are built
// in, and so are the remedies for large batches that Conditions lists after these, each a
// single change to medium; sweep.definitions adds others or replaces these. What is wrong with a cell is told
// with its place by Resolved.Cells.
//
// # Keeping
//
// Marshal writes an experiment so that Load gives an equal one back. Hash
// names what decides the trained weights, and Diff tells what changed it.
package configs

// Package configs defines the settings of experiments, as plain types that every
// package may use, and loads them from YAML, strictly.
//
//	e, err := configs.Load("configs/quickstart.yaml", []string{"train.epochs=3"})
//
// A file sets only what differs from Default or from the file that it extends:
//
//	extends: study.yaml        # relative to this file
//	train: {epochs: 20, batch_size: 256}
//	sweep:
//	  conditions: [medium, long]
//	  definitions:
//	    long: {schedule: {warmup_epochs: 10}}
//
// Relative paths in a file are relative to the working folder, or to the folder that the file
// names under relative_to, itself relative to the file. MarshalIn writes a file that
// may be read in another working folder.
//
// An example that loads a file and prints the message about a mistake is in
// configs/example_test.go; go test -v -run Example onnxlab/configs runs it.
//
// # Layers
//
// Settings come from four layers. Later layers win, setting by setting; a list replaces
// the whole list of an earlier layer:
//
//  1. Default
//  2. the file, on top of those it extends
//  3. the environment: ONNXLAB_TRAIN_EPOCHS=3 is train.epochs
//  4. --set train.epochs=3, in their order
//
// LoadResolved also returns the origin of each setting. Some defaults depend on other
// settings: model.batchnorm.statistics is StatisticsRecalibrated if data.source is
// "folder", else StatisticsKeras; model.batchnorm.momentum and epsilon are PyTorch's if
// model.kind is KindResNet or KindMobileNet, else Keras's.
//
// # Strictness
//
// Loading guesses nothing and ignores nothing. An unknown or misspelt key, a value
// of another type, a fractional count, a repeated key, a value out of range, a
// second document, an unknown ONNXLAB_ variable and settings that contradict
// each other are mistakes. An *Error lists all of them with file, line and
// column. The size of a file and the number of settings that its aliases repeat are
// bounded, so that a hostile file is rejected quickly. A file may begin with %YAML 1.1
// or %YAML 1.2, which make no difference here; other directives are mistakes.
//
// # Notes
//
// Some settings are possible but probably not what the user wants: a warmup that does
// nothing or takes the whole run, decays after the last epoch, images that every epoch
// leaves out. These are not mistakes. Notes returns a note about each of them, with the
// origin of the setting. SweepNotes does the same for all runs of a sweep together, each
// note only once.
//
// # Conditions
//
// A sweep runs every condition of Sweep.Conditions at every batch size with
// every seed. A condition is an Overlay: the settings that it changes in the experiment.
// Cell returns a single run. The conditions none, medium, strong, warmup and shift-only
// are built in, and so are the remedies for large batches that Conditions lists after
// these, each of which is a single change to medium. sweep.definitions adds others or
// replaces these. Resolved.Cells reports problems of cells with the origins of the settings.
//
// # Writing and comparing
//
// Marshal writes an experiment so that Load returns an equal one. Hash identifies all
// settings on which the trained weights depend, and Diff lists those of them in which
// two experiments differ.
package configs

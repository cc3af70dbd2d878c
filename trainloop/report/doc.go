// Package report makes tables and figures of runs from the files in their directories.
//
//	sweep, err := report.Load("runs/study")
//	table := sweep.Table(report.DefaultDrop)
//	err = table.WriteText(os.Stdout)
//	err = sweep.Write("runs/study", report.DefaultDrop)
//
// Load reads a sweep directory or the directory of a single run, also while runs go on:
// cells that are missing, unfinished or failed are part of the table. Write writes these
// files:
//
//	summary.csv                 one row for each condition and batch size
//	accuracy.png, accuracy.svg  accuracy against batch size
//	curves.png                  loss and accuracy against epochs
//	diagnosis.png               noise scale and rate × sharpness against epochs, if
//	                            runs have diagnoses (setting diagnose.every)
//	report.html                 all of it on one page that loads nothing from elsewhere;
//	                            the page of a single run begins with its curves
//	da_type_<condition>.json    {batch size: {loss, acc, val_loss, val_acc}}
//	da_type_<condition>.pkl     the same for Python's pickle
//	tensorboard/<run>/          the histories as TensorBoard events
//
// Files are written atomically, and the same run directories give the same bytes. Only
// the files for TensorBoard are extended in place, since TensorBoard keeps them open.
//
// A Watch updates the page and TensorBoard's files while runs go on. Compare compares
// sweeps or runs and lists the settings that differ.
//
// A Confusion draws the confusion matrix of one model.
//
// # Definitions
//
// The accuracy of a run is its val_accuracy after its last epoch, not its best. The
// accuracy of a cell is the mean over its finished runs, with the sample standard
// deviation (n-1) if there are at least two. A condition "holds to" the largest batch
// size whose mean accuracy is at most some percentage points below the condition's best
// mean. In the figure, a line is interrupted at batch sizes without a finished run. If
// there are error bars, the conditions are drawn side by side around each batch size.
package report

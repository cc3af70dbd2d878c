// Package report makes tables and figures of runs, from their histories alone.
//
//	sweep, err := report.Load("runs/study")
//	table := sweep.Table(report.DefaultDrop)
//	err = table.WriteText(os.Stdout)
//	err = sweep.Write("runs/study", report.DefaultDrop)
//
// Load reads a sweep directory, or a single run, at any time: cells that are
// missing, under way or failed are part of the table. Write makes these files:
//
//	summary.csv                 one row for each condition and batch size
//	accuracy.png, accuracy.svg  accuracy against batch size
//	curves.png                  loss and accuracy against epochs
//	diagnosis.png               noise scale and rate × sharpness against epochs, where
//	                            runs have diagnoses (setting diagnose.every)
//	report.html                 all of it on one page that needs nothing else;
//	                            that of a single run leads with its curves
//	da_type_<condition>.json    {batch size: {loss, acc, val_loss, val_acc}}
//	da_type_<condition>.pkl     the same for Python's pickle
//	tensorboard/<run>/          the histories as TensorBoard events
//
// Each file appears whole or not at all, and the same run directories give the
// same bytes. Only TensorBoard's files grow in place, as it keeps them open.
//
// A Watch renews the page and TensorBoard's files while runs go on. Compare sets
// sweeps or runs side by side and names the settings that differ.
//
// A Confusion draws the confusion matrix of one model.
//
// # What the figures are
//
// The accuracy of a run is its val_accuracy after its last epoch, not its best.
// That of a cell is the mean over its finished runs, with the sample standard
// deviation (n-1) when there are two or more. A condition holds to the largest
// batch size whose mean is within some points of the condition's best mean. In
// the figure, no line leads over a batch size at which no run is done. Conditions
// with error bars stand side by side around their batch size.
package report

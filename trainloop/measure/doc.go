// Package measure tells what training steps of an experiment cost in time and memory.
//
//	m, err := measure.Steps(ctx, experiment, 32, 32, 10, configs.CPU.Traits().Target)
//	fmt.Println(m.ImagesPerSecond, m.PeakBytes)
//
// Steps times the steps alone, on random images. Epoch times them with the loading and
// augmenting of real images, as a run does them. Profile tells which operators and layers
// of the step the time goes to. A Stepper and an EpochStepper do single steps, for
// comparisons that take turns.
//
// The native library must be open: session.Open.
package measure

// Package measure measures the time and memory that training steps of an experiment take.
//
//	m, err := measure.Steps(ctx, experiment, 32, 32, 10, configs.CPU.Traits().Target)
//	fmt.Println(m.ImagesPerSecond, m.PeakBytes)
//
// Steps measures the steps only, on random images. Epoch also measures loading and
// augmenting real images, as in a run. Profile shows which operators and layers of the step
// take the time. A Stepper and an EpochStepper do single steps, for comparisons that take
// turns.
//
// The native library must be open: session.Open.
package measure

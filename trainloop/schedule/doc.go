// Package schedule computes the learning rate of every step of a run.
//
// A Schedule is a pure function of the step, so that a run that resumes needs no
// saved state, and the rate of any step can be computed, tested and plotted. The
// schedule of a Plateau also depends on the history so far, which a run keeps
// anyway:
//
//	s, err := schedule.New(experiment, stepsPerEpoch)
//	rate := s.Rate(step) // step counts from 0 over the whole run
//	s = s.Given(schedule.Monitor(experiment.Schedule).Values(history)) // after each epoch
//
// New makes the schedule of an experiment: it scales the rate of the reference batch
// to the batch size, changes it as the kind of schedule says, and puts a gradual
// warmup before it, if there is one. Programs can also combine the parts themselves:
//
//	s := schedule.Cosine(0.8, 0, 500, 10_000).After(schedule.Ramp{From: 0.1, Steps: 500, Every: 1})
//
// # Sources
//
//   - linear scaling, gradual warmup, momentum correction: Goyal et al. 2017,
//     "Accurate, Large Minibatch SGD", sections 2.1, 2.2 and 3
//   - square-root scaling: Krizhevsky 2014, "One weird trick", section 5
//   - cosine: Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts
//   - one-cycle: Smith and Topin 2018, "Super-Convergence", in the shape of
//     PyTorch's OneCycleLR with cosine annealing and without cycled momentum
//   - polynomial: Keras's PolynomialDecay
//   - exponential: PyTorch's ExponentialLR, once an epoch
//   - plateau: Keras's ReduceLROnPlateau
//
// All rates are float64; nothing here depends on the native library.
package schedule

// Package diagnose measures why a training run goes as it does: how noisy its gradients are,
// how sharply its loss curves, and how far its steps move each layer.
//
//	noise, err := diagnose.MeasureNoise(batches, 16, parts)
//	fmt.Println(noise.Scale())         // batches of more images than this hardly help
//	sharp, err := diagnose.Sharpness(loss, start, 8)
//	fmt.Println(rate * sharp)          // compare with 2 * (1 + momentum)
//
// # Gradient noise scale
//
// The gradient of a batch is the gradient of all images plus noise, and the noise falls
// with the size of the batch. While batches are so small that the noise dominates, batch
// size and learning rate can be raised together, and training makes as much progress per
// image as before. Batches so large that there is little noise left only waste images.
// McCandlish et al. 2018 ("An Empirical Model of Large-Batch Training") put the border at
// the noise scale, B = tr(Σ)/|G|², where G is the gradient of all images and Σ the
// covariance of the gradient of one.
//
// # Sharpness
//
// The largest eigenvalue λ of the Hessian is how sharply the loss curves in its steepest
// direction. Gradient descent with momentum μ and rate r overshoots there, further with each
// step, once λ is above 2(1 + μ)/r (Cohen et al. 2021, "Gradient Descent on Neural Networks
// Typically Occurs at the Edge of Stability"). A warmup keeps the rate low until training
// has moved to a place that curves less (Gilmer et al. 2022).
//
// The package works on vectors and functions of vectors only; package trainloop supplies
// the network.
package diagnose

// Package diagnose measures why a training run goes as it does: how noisy its gradients are,
// how sharply its loss curves, and how far its steps move each layer.
//
//	noise, err := diagnose.MeasureNoise(batches, 16, parts)
//	fmt.Println(noise.Scale())         // images in a batch beyond which larger ones stop paying
//	sharp, err := diagnose.Sharpness(loss, start, 8)
//	fmt.Println(rate * sharp)          // beside 2 * (1 + momentum)
//
// # Gradient noise scale
//
// The gradient of a batch is that of all images plus noise, which falls with the size of the
// batch. Batches so small that the noise is most of it can be made larger and the learning
// rate with them, for as much progress an image; batches so large that there is little noise
// left only waste images. McCandlish et al. 2018 ("An Empirical Model of Large-Batch
// Training") put the border at the noise scale, B = tr(Σ)/|G|², where G is the gradient of
// all images and Σ the covariance of the gradient of one.
//
// # Sharpness
//
// The largest eigenvalue λ of the Hessian is how sharply the loss curves in its steepest
// direction. Gradient descent with momentum μ and rate r overshoots there, further with each
// step, once λ is above 2(1 + μ)/r (Cohen et al. 2021, "Gradient Descent on Neural Networks
// Typically Occurs at the Edge of Stability"). A warmup keeps the rate low until training
// has moved to a place that curves less (Gilmer et al. 2022).
//
// The package knows vectors and functions of them alone; package trainloop brings the network.
package diagnose

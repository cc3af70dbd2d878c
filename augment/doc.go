// Package augment changes training images at random: shift, flip, zoom, rotation,
// channel shift and erasing exactly as Keras's ImageDataGenerator does them, and a few
// more operations of the same kind.
//
// Images are uint8, rows of pixels of 3 channels or, grey, of 1, of any size. What happens
// to an image is drawn first, as a Plan, and then applied, which is a pure
// function of the plan and the pixels:
//
//	recipe, err := augment.NewRecipe("strong", "keras-2018")
//	plan := recipe.Draw(rng, height, width)
//	err = plan.Apply(dst, src, height, width)
//	fmt.Println(plan) // {"rotation_degrees":-3.1, ...}
//
// A plan is kept as JSON and applied again to the same bytes. Rotation, shift,
// shear and zoom are one affine warp with bilinear interpolation; outside the image it takes
// the nearest pixel of the edge. Its two geometries are those of two versions of Keras.
//
// "go doc" leaves out the examples of this package: a recipe of your own, and a plan that
// is kept and applied again. They are in augment/example_test.go, and
// go test -v -run Example onnxlab/augment runs them.
//
// Package batch, below this one, makes batches of images on all cores with such recipes;
// package sheet draws previews.
//
// "The study" is the article that README.md describes under that title. Its recipes and
// its network are the defaults of this repository.
//
// # Custom recipes
//
// Custom takes a list of operations. These are their kinds, with their ranges and the values
// that each range accepts. Ranges with a default may be left out:
//
//	rotation         degrees 0..180
//	shift            rows, columns 0..1, shares of the height and the width; at least one
//	shear            degrees 0..80
//	zoom             min, max 0.1..10; below 1 enlarges
//	flip             probability 0..1, default 0.5
//	vertical_flip    probability 0..1, default 0.5
//	channel_shift    amount 0..255, clipped to the image's own range
//	brightness       amount 0..255, clipped to 0..255
//	contrast         amount 0..1
//	erase            probability, min_area, max_area, min_aspect, max_aspect,
//	                 by default the study's 0.5, 0.05, 0.2, 0.2, 0.8
//	erase_published  the same with the defaults of Zhong et al. 2017
//	cutout           probability, size (share of the shorter side), value, all 0..1,
//	                 by default 1, 0.5, 0
//
// These are torchvision's, and their ranges have its parameter names where there are any:
//
//	random_resized_crop   min_area, max_area 0..1, min_aspect, max_aspect,
//	                      by default 0.08, 1, 3/4, 4/3; if photographs are streamed, the
//	                      part is cut out of the original
//	color_jitter          brightness, contrast, saturation 0..9, hue 0..0.5; at least one
//	grayscale             probability, default 0.1
//	gaussian_blur         min_sigma, max_sigma 0.01..64 pixels, by default 0.1, 2;
//	                      probability, default 1
//	posterize             bits 0..8, probability, default 0.5
//	solarize              threshold 0..255, default 128, probability, default 0.5
//	equalize              probability, default 0.5
//	autocontrast          probability, default 0.5
//	sharpness             factor 0..10, probability, default 0.5
//	auto_augment          no ranges: AutoAugment's policies for ImageNet
//	auto_augment_cifar10  no ranges: those for CIFAR-10
//	rand_augment          operations 0..16, default 2, magnitude 0..30, default 9
//	trivial_augment       no ranges
//
// They become [Step]s of a plan, in this order, and are applied after brightness and
// contrast and before erasing. The order of color_jitter's own steps is random.
//
// A range such as degrees: 10 stands for a number that is uniform in -10..10.
package augment

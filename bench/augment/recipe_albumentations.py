"""The study's recipes in albumentations, with OpenCV on one thread."""

import albumentations as A
import cv2

cv2.setNumThreads(0)

SHIFT = 4 / 32  # of the side, each way


def compose(recipe):
    """Returns a function that augments an image, uint8 [height, width, 3]."""
    shift = {"x": (-SHIFT, SHIFT), "y": (-SHIFT, SHIFT)}
    steps = [A.Affine(translate_percent=shift, border_mode=cv2.BORDER_REPLICATE, p=1), A.HorizontalFlip(p=0.5)]
    if recipe == "strong":
        zoom = {"x": (0.75, 1.25), "y": (0.75, 1.25)}
        steps = [
            A.Affine(rotate=(-10, 10), translate_percent=shift, scale=zoom, border_mode=cv2.BORDER_REPLICATE, p=1),
            A.RandomBrightnessContrast(brightness_limit=50 / 255, contrast_limit=0, p=1),
            A.HorizontalFlip(p=0.5),
            A.Erasing(scale=(0.05, 0.2), ratio=(0.2, 0.8), fill="random_uniform", p=0.5),
        ]
    composed = A.Compose(steps)
    return lambda image: composed(image=image)["image"]

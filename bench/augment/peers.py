"""The study's recipes in Keras, albumentations and torchvision.

Each function here makes one contestant: a function that augments the given
number of images of `images`, uint8 [n, height, width, 3].
"""

import os

os.environ["KERAS_BACKEND"] = "torch"  # ImageDataGenerator itself is NumPy and SciPy

import albumentations as A
import cv2
import numpy as np
import torch
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from torchvision.transforms import v2

cv2.setNumThreads(0)
torch.set_num_threads(1)

SHIFT = 4 / 32  # of the side, each way
BATCH = 128


def each(images, augment):
    """Augments images one by one, as a data set's __getitem__ does."""
    position = 0

    def run(count):
        nonlocal position
        for _ in range(count):
            augment(images[position])
            position = (position + 1) % len(images)

    return run


def erase(image):
    """The study's random erasing, for Keras, which has none."""
    if np.random.rand() >= 0.5:
        return image
    height, width, _ = image.shape
    while True:
        area = height * width * np.random.uniform(0.05, 0.2)
        aspect = np.random.uniform(0.2, 0.8)
        h, w = np.sqrt(area * aspect), np.sqrt(area / aspect)
        x, y = np.random.uniform(0, width), np.random.uniform(0, height)
        if x + w <= width and y + h <= height:
            break
    image[int(y):int(y + h), int(x):int(x + w)] = np.random.uniform(0, 255)
    return image


def keras(images, recipe):
    """ImageDataGenerator.flow, which makes batches."""
    settings = dict(width_shift_range=SHIFT, height_shift_range=SHIFT, horizontal_flip=True)
    if recipe == "strong":
        settings |= dict(rotation_range=10, zoom_range=(0.75, 1.25), channel_shift_range=50,
                         preprocessing_function=erase)
    batches = ImageDataGenerator(**settings).flow(images, np.arange(len(images)), batch_size=BATCH)

    def run(count):
        made = 0
        while made < count:
            made += len(next(batches)[0])
        return made

    return run


def albumentations(images, recipe):
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
    compose = A.Compose(steps)
    return each(images, lambda image: compose(image=image)["image"])


def torchvision(images, recipe):
    """On uint8 tensors. There the affine fills with black, and zooms both axes alike: less work, not more."""
    bilinear = v2.InterpolationMode.BILINEAR
    steps = [v2.RandomAffine(0, translate=(SHIFT, SHIFT), interpolation=bilinear), v2.RandomHorizontalFlip()]
    if recipe == "strong":
        steps = [
            v2.RandomAffine(10, translate=(SHIFT, SHIFT), scale=(0.75, 1.25), interpolation=bilinear),
            v2.ColorJitter(brightness=0.2),
            v2.RandomHorizontalFlip(),
            v2.RandomErasing(p=0.5, scale=(0.05, 0.2), ratio=(0.2, 0.8), value=128),
        ]
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    return each(tensors, v2.Compose(steps))


def whole_pixels(images, recipe):
    """torchvision's usual shortcut for medium: pad by 4 and crop, which moves whole pixels and interpolates nothing."""
    if recipe != "medium":
        return None
    steps = [v2.RandomCrop(images.shape[1:3], padding=round(SHIFT * images.shape[1]), padding_mode="edge"),
             v2.RandomHorizontalFlip()]
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    return each(tensors, v2.Compose(steps))


PEERS = {"keras": keras, "albumentations": albumentations, "torchvision": torchvision}
SHORTCUTS = {"torchvision-crop": whole_pixels}

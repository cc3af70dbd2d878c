"""The study's recipes in Keras, albumentations and torchvision.

Each function here returns a contestant, which is a function that augments the given
number of images of `images`, uint8 [n, height, width, 3].
"""

import os

os.environ["KERAS_BACKEND"] = "torch"  # ImageDataGenerator itself is NumPy and SciPy

import numpy as np
import torch

import recipe_albumentations
import recipe_keras
import recipe_torchvision

torch.set_num_threads(1)

BATCH = 128


def each(images, augment):
    """Augments images one by one, like the __getitem__ of a data set."""
    position = 0

    def run(count):
        nonlocal position
        for _ in range(count):
            augment(images[position])
            position = (position + 1) % len(images)

    return run


def keras(images, recipe):
    """Uses ImageDataGenerator.flow, which makes batches."""
    batches = recipe_keras.generator(recipe).flow(images, np.arange(len(images)), batch_size=BATCH)

    def run(count):
        made = 0
        while made < count:
            made += len(next(batches)[0])
        return made

    return run


def albumentations(images, recipe):
    return each(images, recipe_albumentations.compose(recipe))


def tensors(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def torchvision(images, recipe):
    return each(tensors(images), recipe_torchvision.compose(recipe))


def whole_pixels(images, recipe):
    if recipe != "medium":
        return None
    return each(tensors(images), recipe_torchvision.whole_pixels(images.shape[1:3]))


PEERS = {"keras": keras, "albumentations": albumentations, "torchvision": torchvision}
SHORTCUTS = {"torchvision-crop": whole_pixels}

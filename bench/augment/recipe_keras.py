"""The study's recipes in Keras's ImageDataGenerator, with any backend."""

import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator

SHIFT = 4 / 32  # of the side, each way


def erase(image):
    """The study's random erasing, which Keras lacks."""
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


def generator(recipe):
    settings = dict(width_shift_range=SHIFT, height_shift_range=SHIFT, horizontal_flip=True)
    if recipe == "strong":
        settings |= dict(rotation_range=10, zoom_range=(0.75, 1.25), channel_shift_range=50,
                         preprocessing_function=erase)
    return ImageDataGenerator(**settings)

"""Random numbers that depend on a key alone: every version of NumPy on every machine draws the same bits.

NumPy promises this for the integers of a bit generator, but not for its distributions. What follows
them here is arithmetic of float32 whose results IEEE 754 defines.
"""

import math
import zlib

import numpy as np


def integers(key, count):
    """Returns 64-bit integers."""
    return np.random.PCG64(zlib.crc32(key.encode())).random_raw(count)


def uniform(key, shape, low=-1.0, high=1.0):
    """Returns a float32 array between low and high."""
    count = math.prod(shape)
    halves = integers(key, (count + 1) // 2).astype("<u8").view("<u4")[:count]
    share = (halves >> 8).astype(np.float32) * np.float32(2.0**-24)
    return (np.float32(low) + np.float32(high - low) * share).reshape(shape)


def octets(key, count):
    """Returns integers of 8 bits."""
    return integers(key, (count + 7) // 8).astype("<u8").view(np.uint8)[:count]


def batch(key, count, size, classes):
    """Returns images [count, 3, size, size], float32, with mean 0 and deviation 1: coarse shapes and noise; and int64
    labels below classes."""
    coarse = uniform(f"{key}/shapes", (count, 3, 8, 8), -2, 2)
    place = np.arange(size) * 8 // size
    shapes = coarse[:, :, place[:, None], place]
    noise = uniform(f"{key}/noise", (count, 3, size, size), -0.6, 0.6)
    labels = integers(f"{key}/labels", count) % np.uint64(classes)
    return np.float32(0.8) * shapes + noise, labels.astype(np.int64)

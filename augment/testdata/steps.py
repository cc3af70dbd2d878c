"""Writes steps.npz, the results of torchvision's v2 functions for one uint8 image, for every step
with several values, and steps.json, the list of these steps and values.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
    venv/bin/python steps.py
"""

import json
import math
import pathlib

import numpy as np
import torch
from torchvision.transforms.v2 import functional as F

HERE = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 37, 45


def image():
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    rgb = np.stack([
        40 + 170 * x / WIDTH + 20 * np.sin(y / 3),
        120 + 90 * np.cos(x / 6) * np.sin(y / 8),
        200 - 150 * y / HEIGHT + 10 * (x > 20),
    ], -1)
    rgb += rng.normal(0, 12, rgb.shape)
    rgb[5:9, 7:15] = (200, 30, 30)
    rgb[20:25, 30:40] = 90  # a grey box
    return rgb.clip(15, 230).round().astype(np.uint8)


def radius(sigma):
    return max(math.ceil(3 * sigma), 1)


CASES = [(op, v) for op, values in {
    "brightness": [0, 0.4, 1, 1.3, 2.5],
    "contrast": [0, 0.4, 1, 1.3, 2.5],
    "saturation": [0, 0.4, 1, 1.3, 2.5],
    "hue": [-0.5, -0.21, 0.03, 0.1, 0.5],
    "sharpness": [0, 0.3, 1, 1.7, 4],
    "gray": [0],
    "blur": [0.1, 0.5, 1, 2, 5],
    "posterize": [0, 1, 3, 4, 8],
    "solarize": [0, 64, 128.5, 255],
    "equalize": [0],
    "autocontrast": [0],
    "invert": [0],
    "rotate": [-135, -17, 0, 3.5, 30, 90],
    "shear_x": [-0.99, -0.2, 0.13, 0.3],
    "shear_y": [-0.99, -0.2, 0.13, 0.3],
    "translate_x": [-7, 0, 12],
    "translate_y": [-7, 0, 12],
}.items() for v in values]


def apply(im, op, v):
    affine = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], "center": [0, 0]}
    degrees = math.degrees(math.atan(v)) if "shear" in op else 0
    return {
        "brightness": lambda: F.adjust_brightness(im, v),
        "contrast": lambda: F.adjust_contrast(im, v),
        "saturation": lambda: F.adjust_saturation(im, v),
        "hue": lambda: F.adjust_hue(im, v),
        "sharpness": lambda: F.adjust_sharpness(im, v),
        "gray": lambda: F.rgb_to_grayscale(im, 3),
        "blur": lambda: F.gaussian_blur(im, [2 * radius(v) + 1] * 2, [v, v]),
        "posterize": lambda: F.posterize(im, int(v)),
        "solarize": lambda: F.solarize(im, v),
        "equalize": lambda: F.equalize(im),
        "autocontrast": lambda: F.autocontrast(im),
        "invert": lambda: F.invert(im),
        "rotate": lambda: F.rotate(im, v),
        "shear_x": lambda: F.affine(im, **(affine | {"shear": [degrees, 0.0]})),
        "shear_y": lambda: F.affine(im, **(affine | {"shear": [0.0, degrees]})),
        "translate_x": lambda: F.affine(im, **(affine | {"translate": [int(v), 0]})),
        "translate_y": lambda: F.affine(im, **(affine | {"translate": [0, int(v)]})),
    }[op]()


source = image()
tensor = torch.from_numpy(source).permute(2, 0, 1)
arrays = {"source": source}
for i, (op, v) in enumerate(CASES):
    arrays[f"case{i}"] = apply(tensor, op, v).permute(1, 2, 0).contiguous().numpy()
np.savez_compressed(HERE / "steps.npz", **arrays)
(HERE / "steps.json").write_text(json.dumps([{"op": op, "value": v} for op, v in CASES]) + "\n")

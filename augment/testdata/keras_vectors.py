"""Records the results of Keras for drawn plans, as reference values.

Run it in this folder, with the packages of requirements.txt:

    KERAS_BACKEND=numpy python keras_vectors.py

It writes keras-2018.npz with keras-preprocessing and keras-3.npz with the legacy
functions of Keras 3, and keras-2018-grey.npz and keras-3-grey.npz for images with
one channel. Each contains a few source images, the plans as JSON, and
for each plan the pixels that Keras returns, times 256, as 16-bit numbers.
"""

import json

import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator as Keras3
from keras_preprocessing.image import ImageDataGenerator as Keras2018

SIZES = [(32, 32), (32, 32), (17, 30), (30, 17), (9, 9), (2, 40), (40, 2), (1, 1), (1, 7), (25, 25)]

# The study's recipe, each operation by itself, and ranges far beyond those of the study.
STUDY = dict(
    rotation_range=10, width_shift_range=4 / 32, height_shift_range=4 / 32,
    zoom_range=(0.75, 1.25), channel_shift_range=50, horizontal_flip=True,
)
WIDE = dict(
    rotation_range=180, width_shift_range=0.9, height_shift_range=0.9, shear_range=40,
    zoom_range=(0.3, 3), channel_shift_range=255, horizontal_flip=True, vertical_flip=True,
)
SETTINGS = [
    (100, STUDY),
    (50, WIDE),
    (20, dict(width_shift_range=4 / 32, height_shift_range=4 / 32, horizontal_flip=True)),
    (10, dict(width_shift_range=0.99, height_shift_range=0.99, vertical_flip=True, horizontal_flip=True)),
    (10, dict(channel_shift_range=50, horizontal_flip=True, vertical_flip=True)),
    (10, dict(width_shift_range=0.3, channel_shift_range=120)),
    (10, dict(height_shift_range=0.3)),
    (10, dict(rotation_range=45)),
    (10, dict(shear_range=30)),
    (10, dict(zoom_range=(0.5, 2))),
]


def source(rng, height, width, kind, channels):
    """Returns noise, in which every wrong position shows, or smooth colours."""
    if kind == "noise":
        return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    row, column = np.mgrid[:height, :width]
    phases = rng.uniform(0, 6, channels)
    waves = np.sin(row[..., None] / 5 + phases) * np.cos(column[..., None] / 7 - phases)
    return (rng.uniform(80, 120, channels) + 70 * waves).astype(np.uint8)


def erase(rng, pixels):
    """Draws random erasing with the study's parameters; returns None for every other image."""
    height, width, _ = pixels.shape
    if rng.random() < 0.5:
        return None
    for _ in range(1000):
        area = height * width * rng.uniform(0.05, 0.2)
        aspect = rng.uniform(0.2, 0.8)
        box_height, box_width = np.sqrt(area * aspect), np.sqrt(area / aspect)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if x + box_width <= width and y + box_height <= height:
            break
    else:
        return None
    top, bottom, left, right = int(y), int(y + box_height), int(x), int(x + box_width)
    value = rng.uniform(0, 1)
    pixels[top:bottom, left:right] = value * 255
    if bottom == top or right == left:
        return None
    return dict(row=top, column=left, height=bottom - top, width=right - left, value=value)


def plan(drawn, geometry):
    """Returns the drawn parameters, with the names that the manifests of previews use."""
    return dict(
        rotation_degrees=float(drawn["theta"]),
        shift_rows=float(drawn["tx"]),
        shift_columns=float(drawn["ty"]),
        shear_degrees=float(drawn["shear"]),
        zoom_rows=float(drawn["zx"]),
        zoom_columns=float(drawn["zy"]),
        channel_shift=float(drawn["channel_shift_intensity"] or 0),
        flip=bool(drawn["flip_horizontal"]),
        vertical_flip=bool(drawn["flip_vertical"]),
        geometry=geometry,
    )


def record(generator_type, geometry, seed, channels=3, share=1, name=""):
    """Records this share of the plans, for images with this many channels."""
    rng = np.random.default_rng(seed)
    np.random.seed(seed)  # Keras draws from the global generator
    sources = [source(rng, *size, "smooth" if i == 0 else "noise", channels) for i, size in enumerate(SIZES)]
    cases, outputs = [], []
    for count, settings in SETTINGS:
        generator = generator_type(**settings)
        for i in range(count // share):
            index = i % len(SIZES)
            image = sources[index].astype(np.float32)
            drawn = generator.get_random_transform(image.shape)
            pixels = np.ascontiguousarray(generator.apply_transform(image, drawn))
            case = dict(source=index, plan=plan(drawn, geometry))
            case["plan"]["erase"] = erase(rng, pixels) if settings is STUDY else None
            cases.append(case)
            outputs.append(np.rint(pixels.astype(np.float64).ravel() * 256).astype("<u2"))
    np.savez_compressed(
        geometry + name + ".npz",
        sizes=np.array(SIZES, dtype=np.int64),
        sources=np.concatenate([s.ravel() for s in sources]),
        cases=np.frombuffer(json.dumps(cases).encode(), dtype=np.uint8),
        outputs=np.concatenate(outputs).view(np.uint8),
    )
    print(f"{geometry}{name}: {len(cases)} plans")


record(Keras2018, "keras-2018", 2018)
record(Keras3, "keras-3", 3)
record(Keras2018, "keras-2018", 2019, channels=1, share=2, name="-grey")
record(Keras3, "keras-3", 4, channels=1, share=2, name="-grey")

"""Makes photographs from the pictures that come with scikit-image:

    DIR/small/<class>/<number>.jpg    6,000 of about 500x375 pixels
    DIR/big/<class>/<number>.jpg      300 of 1600x1200 pixels
    DIR/small.tar                     the small ones in the form of WebDataset

Each is a part of a picture, enlarged if necessary, with slightly changed colours and some
noise, so that a file has about as many bits per pixel as photographs.
"""

import io
import tarfile

import numpy
from PIL import Image, ImageEnhance
from skimage import data

PICTURES = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry")
SIZES = {"small": (6000, 500, 375), "big": (300, 1600, 1200)}
SEED = 1


def photograph(rng, picture, width, height):
    width, height = width + int(rng.integers(-20, 21)), height + int(rng.integers(-20, 21))
    scale = rng.uniform(0.5, 1)
    w = min(picture.width, picture.height * width / height) * scale
    h = w * height / width
    left, top = rng.uniform(0, picture.width - w), rng.uniform(0, picture.height - h)
    part = picture.resize((width, height), Image.Resampling.BICUBIC, (left, top, left + w, top + h))
    part = ImageEnhance.Brightness(part).enhance(rng.uniform(0.8, 1.2))
    pixels = numpy.asarray(part) + rng.normal(0, 4, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def write(folder):
    pictures = [Image.fromarray(getattr(data, name)()).convert("RGB") for name in PICTURES]
    rng = numpy.random.default_rng(SEED)
    for kind, (count, width, height) in SIZES.items():
        for i in range(count):
            number = i % len(PICTURES)
            there = folder / kind / PICTURES[number]
            there.mkdir(parents=True, exist_ok=True)
            photograph(rng, pictures[number], width, height).save(there / f"{i:05}.jpg", quality=85)
    pack(folder)


def pack(folder):
    with tarfile.open(folder / "small.tar", "w") as tar:
        for path in sorted((folder / "small").glob("*/*.jpg"), key=lambda p: p.name):
            label = str(PICTURES.index(path.parent.name)).encode()
            for name, content in ((path.stem + ".jpg", path.read_bytes()), (path.stem + ".cls", label)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))

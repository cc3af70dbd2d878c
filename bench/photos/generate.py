"""Makes photographs from the pictures that come with scikit-image:

    DIR/small/<class>/<number>.jpg    6,000 of about 500x375 pixels
    DIR/big/<class>/<number>.jpg      300 of 1600x1200 pixels
    DIR/small-shards/<number>.tar     the small ones again, 1,000 in each tar, in the form of WebDataset
    DIR/big-shards/<number>.tar       the big ones again, 50 in each tar

Each is a part of a picture, enlarged if necessary, with slightly changed colours and some
noise. A small file has about 2.8 bits for each pixel and a big one 2.3, as photographs have.
"""

import io
import tarfile

import numpy
from PIL import Image, ImageEnhance
from skimage import data

PICTURES = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry")
SIZES = {"small": (6000, 500, 375), "big": (300, 1600, 1200)}
SHARDS = 6
SEED = 1


def photograph(rng, picture, noise, width, height):
    width, height = width + int(rng.integers(-20, 21)), height + int(rng.integers(-20, 21))
    scale = rng.uniform(0.5, 1)
    w = min(picture.width, picture.height * width / height) * scale
    h = w * height / width
    left, top = rng.uniform(0, picture.width - w), rng.uniform(0, picture.height - h)
    part = picture.resize((width, height), Image.Resampling.BICUBIC, (left, top, left + w, top + h))
    part = ImageEnhance.Brightness(part).enhance(rng.uniform(0.8, 1.2))
    row, column = rng.integers(noise.shape[0] - height), rng.integers(noise.shape[1] - width)
    pixels = numpy.asarray(part) + noise[row:row + height, column:column + width]
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def write(folder):
    pictures = [Image.fromarray(getattr(data, name)()).convert("RGB") for name in PICTURES]
    rng = numpy.random.default_rng(SEED)
    noise = rng.normal(0, 8, (1400, 1800, 3)).round().astype(numpy.int16)  # each photograph has a part of it
    for kind, (count, width, height) in SIZES.items():
        for i in range(count):
            number = i % len(PICTURES)
            there = folder / kind / PICTURES[number]
            there.mkdir(parents=True, exist_ok=True)
            photograph(rng, pictures[number], noise, width, height).save(there / f"{i:05}.jpg", quality=90)
        pack(folder / kind, folder / f"{kind}-shards")
    (folder / "complete").touch()


def pack(photographs, shards):
    """Writes the photographs into tars, in the order of their numbers."""
    shards.mkdir(exist_ok=True)
    paths = sorted(photographs.glob("*/*.jpg"), key=lambda path: path.name)
    each = len(paths) // SHARDS
    for shard in range(SHARDS):
        with tarfile.open(shards / f"{shard:06}.tar", "w") as tar:
            for path in paths[shard * each:(shard + 1) * each]:
                add(tar, path.stem + ".jpg", path.read_bytes())
                add(tar, path.stem + ".cls", str(PICTURES.index(path.parent.name)).encode())


def add(tar, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))

"""Makes a small folder of photographs from the pictures that come with scikit-image.

    python generate.py DIR

writes DIR/train/<class>/<number>.jpg and DIR/validation/<class>/<number>.jpg: 360
photographs of 8 classes, 30 and 15 of each. Each class comes from one picture, which is
divided into 4 x 4 cells. Validation has crops of four of the cells, one in each row and
column, and training has crops of the other twelve, so that no pixel is in both.
"""

import argparse
import pathlib

import numpy
from PIL import Image
from skimage import color, data, util

PICTURES = ("astronaut", "chelsea", "coffee", "grass", "gravel", "immunohistochemistry", "retina", "rocket")
CELLS = 4  # per side
HELD_OUT = {(0, 1), (1, 3), (2, 0), (3, 2)}
COUNTS = {"train": 30, "validation": 15}
SEED = 1


def picture(name):
    pixels = util.img_as_ubyte(getattr(data, name)())
    return pixels if pixels.ndim == 3 else util.img_as_ubyte(color.gray2rgb(pixels))


def crop(rng, pixels, cell):
    """Returns a square of 60 to 100 % of the cell's shorter side, at a random position in the cell."""
    height, width = pixels.shape[0] // CELLS, pixels.shape[1] // CELLS
    side = round(min(height, width) * rng.uniform(0.6, 1))
    top = cell[0] * height + rng.integers(height - side + 1)
    left = cell[1] * width + rng.integers(width - side + 1)
    return pixels[top:top + side, left:left + side]


def write(folder):
    every = [(row, column) for row in range(CELLS) for column in range(CELLS)]
    cells = {"train": [c for c in every if c not in HELD_OUT], "validation": sorted(HELD_OUT)}
    rng = numpy.random.default_rng(SEED)
    for name in PICTURES:
        pixels = picture(name)
        for split, count in COUNTS.items():
            there = pathlib.Path(folder, split, name)
            there.mkdir(parents=True)
            for i in range(count):
                cell = cells[split][i % len(cells[split])]
                Image.fromarray(crop(rng, pixels, cell)).save(there / f"{i:02}.jpg", quality=95)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="must not contain these folders yet")
    write(parser.parse_args().folder)

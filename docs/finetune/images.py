"""Draws lines of text in six typefaces into fonts/train and fonts/validation, with one folder for each typeface.

    pip install -r requirements.txt
    python images.py fonts

The fonts come with matplotlib. Size, position, slant, colours and noise vary. The words in the
validation images are not those in the training images.
"""

import pathlib
import random
import sys

import matplotlib
import numpy
from PIL import Image, ImageDraw, ImageFont

FONTS = {
    "computer-modern": "cmr10", "dejavu-mono": "DejaVuSansMono", "dejavu-sans": "DejaVuSans",
    "dejavu-serif": "DejaVuSerif", "stix": "STIXGeneral", "typewriter": "cmtt10",
}
WORDS = {
    "train": "apple bridge candle dragon engine forest garden hammer island jacket kettle ladder mirror needle orange pencil".split(),
    "validation": "anchor basket cactus dinner falcon guitar helmet insect jungle lemon magnet napkin oyster pillow quartz ribbon".split(),
}
IMAGES = {"train": 60, "validation": 30}
HEIGHT, WIDTH = 48, 192


def line(rng, face, words):
    paper, ink = rng.randint(170, 255), rng.randint(0, 90)
    image = Image.new("L", (WIDTH, HEIGHT), paper)
    font = ImageFont.truetype(str(pathlib.Path(matplotlib.get_data_path(), "fonts/ttf", face + ".ttf")), rng.randint(20, 30))
    text = " ".join(rng.sample(words, 3))
    ImageDraw.Draw(image).text((rng.randint(-20, 10), rng.randint(2, 14)), text, ink, font)
    image = image.rotate(rng.uniform(-3, 3), Image.Resampling.BICUBIC, fillcolor=paper)
    noise = numpy.random.default_rng(rng.getrandbits(32)).normal(0, 12, (HEIGHT, WIDTH))
    return Image.fromarray((numpy.asarray(image) + noise).clip(0, 255).astype(numpy.uint8))


def main():
    rng = random.Random(1)
    for part, words in WORDS.items():
        for name, face in FONTS.items():
            folder = pathlib.Path(sys.argv[1], part, name)
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(IMAGES[part]):
                line(rng, face, words).save(folder / f"{i:03d}.png")


main()

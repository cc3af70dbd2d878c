"""Writes turbo/: JPEG images larger than a few blocks, in the forms that libjpeg-turbo
reads. For each there is NAME.want.png, what Pillow makes of it, which decodes with the same
library. For some, evaluation/ has the results of the evaluation transforms.

    python3 -m venv venv && venv/bin/pip install pillow==13.0.0 numpy==2.4.6 torchvision==0.29.2
    venv/bin/python turbo.py

arithmetic.jpg and sampling-*.jpg were made by hand, since Pillow cannot write such files.
"""

import pathlib

import numpy as np
from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional as F
from torchvision.transforms.v2 import InterpolationMode

HERE = pathlib.Path(__file__).parent
OUT = HERE / "turbo"
WIDTH, HEIGHT = 157, 211


def picture():
    """Returns waves of all lengths with some noise, and an edge."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    rgb = np.stack([
        128 + 70 * np.sin(x * x / 500) * np.cos(y / 9),
        128 + 80 * np.cos(x / 13 + y * y / 3000),
        128 + 60 * np.sin((x + y) / 7) - 40 * (x > y),
    ], -1)
    rgb += rng.normal(0, 6, rgb.shape)
    return Image.fromarray(rgb.clip(0, 255).round().astype(np.uint8), "RGB")


def write():
    im = picture()
    rotated = Image.Exif()
    rotated[0x0112] = 6
    im.save(OUT / "420.jpg", quality=85, subsampling="4:2:0")
    im.save(OUT / "422.jpg", quality=85, subsampling="4:2:2")
    im.save(OUT / "444.jpg", quality=85, subsampling="4:4:4")
    im.save(OUT / "restarts.jpg", quality=85, restart_marker_blocks=5)
    im.save(OUT / "progressive.jpg", quality=85, progressive=True)
    im.save(OUT / "turned.jpg", quality=85, exif=rotated)
    im.convert("L").save(OUT / "gray.jpg", quality=85)
    im.convert("CMYK").save(OUT / "cmyk.jpg", quality=85)


def reference():
    for path in sorted(OUT.glob("*.jpg")):
        im = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        im.save(OUT / (path.name + ".want.png"))


def evaluation():
    for name, mode in (("torchvision", InterpolationMode.BILINEAR), ("timm", InterpolationMode.BICUBIC)):
        for file in ("444.jpg", "turned.jpg", "gray.jpg"):
            im = ImageOps.exif_transpose(Image.open(OUT / file)).convert("RGB")
            for side in (56, 224):
                resized = F.resize(im, [side * 8 // 7], mode, antialias=True)
                F.center_crop(resized, [side, side]).save(HERE / "evaluation" / f"{name}-{side}-{file}.png")


OUT.mkdir(exist_ok=True)
(HERE / "evaluation").mkdir(exist_ok=True)
write()
reference()
evaluation()

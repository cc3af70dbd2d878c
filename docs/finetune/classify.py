"""Counts how many of the validation images a model classifies correctly in ONNX Runtime.

    python classify.py runs/all/finetuned.onnx
"""

import pathlib
import sys

import numpy
import onnxruntime
from PIL import Image

CLASSES = sorted(folder.name for folder in pathlib.Path("fonts/train").iterdir())
session = onnxruntime.InferenceSession(sys.argv[1])
files = sorted(pathlib.Path("fonts/validation").glob("*/*.png"))
pixels = numpy.stack([numpy.asarray(Image.open(f).convert("RGB")) for f in files])
images = ((pixels / 255 - 0.5) / 0.5).astype(numpy.float32).transpose(0, 3, 1, 2)
(probabilities,) = session.run(None, {session.get_inputs()[0].name: images})
right = [CLASSES[p.argmax()] == f.parent.name for p, f in zip(probabilities, files)]
print(f"{sum(right)} of {len(files)} right")
print(files[0], CLASSES[probabilities[0].argmax()], f"{probabilities[0].max():.4f}")

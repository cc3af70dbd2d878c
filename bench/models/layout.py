"""The parts that the references and the judge share: the work folder, and how errors are measured.

    DIR/MODEL/FORM/MODEL.onnx        the exported model, with MODEL.onnx.data beside it if its weights are external
    DIR/MODEL/FORM/facts.json        names, parameters, losses, and how far PyTorch's float32 is from float64
    DIR/MODEL/FORM/references.npz    batches, logits, gradients, running statistics, changes of parameters

Arrays of references.npz, for batch i:

    images/i, labels/i     float32 in the layout that the model takes, int64
    logits/i               logits in eval mode, with the weights of the file
    gradients/i            the sketch of each parameter's gradient of the mean cross-entropy, in the order of the facts
    statistics             those of the running means and variances after one training step on batch 0

All are computed in float64 and rounded to float32.
"""

from pathlib import Path

import numpy as np

from models import draw

STEPS = 3  # of each optimizer, one for each batch
SGD = {"momentum": 0.9}
# Without this epsilon, Adam takes full steps even for gradients that are only rounding errors.
ADAMW = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-4, "weight_decay": 0.01}
OPTIMIZERS = {"sgd": SGD, "adamw": ADAMW}

SKETCH = 32  # sums that represent a tensor; it divides 128
# A gradient below this share of the whole model's root mean square counts as zero. Some gradients are
# zero by construction, such as that of a bias before BatchNorm, and consist only of rounding errors.
FLOOR = 1e-5


def folder(work, model, form):
    return Path(work) / model / form


def sketch(array):
    """Returns SKETCH sums: each element is added to a random one of them with a random sign. Few elements have one each.

    A sketch is linear, and its mean square is an unbiased estimate of the array's, usually to a quarter. So error(),
    given the sketches of two arrays, estimates what it would return for the arrays, wherever in them the differences are.
    """
    flat = np.ravel(array).astype(np.float64)
    chance = draw.octets("sketch", flat.size)
    sums = np.arange(flat.size) if flat.size <= SKETCH else chance % SKETCH
    signed = np.where(chance < 128, flat, -flat)
    return np.bincount(sums, signed, SKETCH) * (SKETCH / flat.size) ** 0.5


def sketches(arrays):
    """Returns the sketches of several arrays, one a row."""
    return np.reshape([sketch(array) for array in arrays], (-1, SKETCH))


def root_mean_square(arrays):
    """Returns the root mean square over all elements of all arrays."""
    total = sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays)
    return (total / sum(a.size for a in arrays)) ** 0.5


def errors(got, want):
    """Returns the relative root mean square error of each array in a dictionary."""
    floor = FLOOR * root_mean_square(want.values())
    return {name: error(got[name], want[name], floor) for name in want}


def error(got, want, floor=0.0):
    """Returns the root mean square of the difference, divided by that of want, or by the floor if that is larger."""
    got, want = (np.asarray(a, np.float64) for a in (got, want))
    if got.shape != want.shape:
        raise ValueError(f"an array of shape {got.shape}, but {want.shape} is expected")
    scale = max(np.sqrt(np.mean(want * want)), floor)
    difference = np.sqrt(np.mean((got - want) ** 2))
    return float(difference / scale) if scale > 0 else float(difference)

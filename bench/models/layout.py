"""The parts that the references and the judge share: the work folder, and how errors are measured.

    DIR/MODEL/FORM/MODEL.onnx        the exported model, with MODEL.onnx.data beside it if its weights are external
    DIR/MODEL/FORM/facts.json        names, parameters, losses, and how far PyTorch's float32 is from float64
    DIR/MODEL/FORM/references.npz    batches, logits, gradients, running statistics, changes of parameters

Arrays of references.npz, for batch i and parameter p (its name in the ONNX file):

    images/i, labels/i     float32 in the layout that the model takes, int64
    logits/i               logits in eval mode, with the weights of the file
    gradient/0/p           the whole gradient of the mean cross-entropy of batch 0
    gradient/i/p           the same for the other batches, at the places that picks() returns
    statistics/s           a running mean or variance after one training step on batch 0

All are computed in float64 and rounded to float32.
"""

from pathlib import Path

import numpy as np

STEPS = 3  # of each optimizer, one for each batch
SGD = {"learning_rate": 0.01, "momentum": 0.9}
ADAMW = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01}
OPTIMIZERS = {"sgd": SGD, "adamw": ADAMW}

PICKED = 1 << 14  # number of places of a large tensor that are compared
# A gradient below this share of the whole model's root mean square counts as zero. Some gradients are
# zero by construction, such as that of a bias before BatchNorm, and consist only of rounding errors.
FLOOR = 1e-5


def folder(work, model, form):
    return Path(work) / model / form


def picks(size):
    """Returns the places of a flat tensor that are compared: all of a small one, else PICKED of them, spread out."""
    if size <= PICKED:
        return np.arange(size)
    return np.arange(PICKED, dtype=np.int64) * 2654435761 % size


def pick(array):
    flat = np.ravel(array)
    return flat[picks(flat.size)]


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

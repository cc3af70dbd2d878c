"""Makes the reference values for the tests of onnxlab's losses.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python losses.py

writes losses.npz beside this file: for each of CASES, ten training steps in float64 with
the network and the batches of training.npz. Losses with class weights are Keras's, applied
to PyTorch's logits; the others are PyTorch's. The optimizer is momentum SGD in Keras's
form.
"""

import os
import pathlib

os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and torch.optim clash in one process

from reference import RATES, forward, tensors

import keras
import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
WEIGHTS = np.float64([0.5, 2, 1, 3, 0, 1, 0.25, 1.5, 4, 1])


def weighted(logits, label, smoothing=0.0):
    """Returns Keras's loss with class_weight: each image has the weight of its class."""
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing, dtype="float64")
    target = F.one_hot(torch.tensor(label), 10).double()
    return loss(target, logits, sample_weight=torch.tensor(WEIGHTS[label]))


def mixed(logits, label, second, share, **options):
    """Returns PyTorch's loss for targets that are shares of two classes."""
    own, other = (F.one_hot(torch.tensor(v), 10).double() for v in (label, second))
    share = torch.tensor(share, dtype=torch.float64)[:, None]
    return F.cross_entropy(logits, own * share + other * (1 - share), **options)


def smoothed(target, s):
    return target * (1 - s) + s / target.shape[1]


def one_hot(label):
    return F.one_hot(torch.tensor(label), 10).double()


def mixed_target(label, second, share):
    share = torch.tensor(share, dtype=torch.float64)[:, None]
    return one_hot(label) * share + one_hot(second) * (1 - share)


def keras_binary(logits, targets, smoothing):
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing, dtype="float64")
    return loss(torch.tensor(targets, dtype=torch.float64), logits)


binary, squared = F.binary_cross_entropy_with_logits, F.mse_loss

# The losses, as functions of logits and a batch's labels, second labels, shares and targets.
CASES = {
    "binary": lambda logits, label, *_: binary(logits, one_hot(label)),
    "binary-smoothing": lambda logits, label, *_: binary(logits, smoothed(one_hot(label), 0.1)),
    "binary-mixed": lambda logits, label, second, share, _: binary(logits, mixed_target(label, second, share)),
    "binary-targets": lambda logits, *batch: binary(logits, torch.tensor(batch[-1], dtype=torch.float64)),
    "binary-targets-smoothing": lambda logits, *batch: keras_binary(logits, batch[-1], 0.1),
    "squared": lambda logits, label, *_: squared(logits, one_hot(label)),
    "squared-mixed-smoothing": lambda logits, label, second, share, _: squared(logits, smoothed(mixed_target(label, second, share), 0.1)),
    "squared-targets": lambda logits, *batch: squared(logits, torch.tensor(batch[-1], dtype=torch.float64)),
    "weights": lambda logits, label, *_: weighted(logits, label),
    "weights-smoothing": lambda logits, label, *_: weighted(logits, label, 0.1),
    "mixed": lambda *batch: mixed(*batch[:-1]),
    "mixed-smoothing": lambda *batch: mixed(*batch[:-1], label_smoothing=0.1),
    "mixed-weights": lambda *batch: mixed(*batch[:-1], weight=torch.tensor(WEIGHTS)),
}


def train(start, batches, loss_of):
    t = tensors(start, torch.float64)
    names = [k for k, v in t.items() if v.requires_grad]
    velocity = {k: torch.zeros_like(t[k]) for k in names}
    losses = []
    for rate, batch in zip(RATES, batches):
        stats = {}
        loss = loss_of(forward(batch[0], t, 2, 1, 1, stats), *batch[1:])
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, [t[k] for k in names])
        with torch.no_grad():
            for k, g in zip(names, gradients):
                velocity[k] = 0.9 * velocity[k] - rate * g
                t[k] += velocity[k]
        t |= stats
    return losses, {k: v.detach().numpy().astype(np.float32) for k, v in t.items()}


def main():
    torch.set_num_threads(1)
    training = np.load(HERE / "training.npz")
    start = {k.removeprefix("param/"): training[k] for k in training if k.startswith("param/")}
    batches = [(training[f"batch/{i}/image"], training[f"batch/{i}/label"]) for i in range(len(RATES))]
    rng, of_targets = np.random.default_rng(5), np.random.default_rng(6)
    out = {"weights": WEIGHTS.astype(np.float32)}
    for i, batch in enumerate(batches):
        second, share = rng.integers(0, 10, len(batch[1])), rng.uniform(0, 1, len(batch[1])).astype(np.float32)
        share[i % 8] = i % 2
        targets = (of_targets.uniform(0, 1, (len(batch[1]), 10)) < 0.3).astype(np.float32)
        batches[i] = (*batch, second, share, targets)
        out |= {f"batch/{i}/second": second, f"batch/{i}/share": share, f"batch/{i}/targets": targets}
    for case, loss_of in CASES.items():
        losses, final = train(start, batches, loss_of)
        out |= {f"{case}/loss": np.float64(losses)} | {f"{case}/final/{k}": v for k, v in final.items()}
    np.savez_compressed(HERE / "losses.npz", **out)


if __name__ == "__main__":
    main()

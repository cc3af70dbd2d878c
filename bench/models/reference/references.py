"""Computes the references of one file."""

import contextlib
import math
import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

import zoo
from models import layout

# Variants of PyTorch's float32 whose distance from float64 shows the effect of rounding: its own convolutions, and
# those of oneDNN, which round differently; and changes to the weights as small as rounding, by their seeds. Rounding
# decides whether a gate is open whose input is near 0, which affects gradients and all later steps.
FLOAT32_VARIANTS = (True, False)
JITTERS = (1, 2, 3)
ROUNDED_VARIANTS = (*((onednn, None) for onednn in FLOAT32_VARIANTS), *((True, seed) for seed in JITTERS))

DECREASE = 0.1  # of the loss by the first step, as a share of it
NEAR = 1e-4  # relative root mean square error of every gradient, if no gate is at its edge


class Trial:
    """A program, with its weights as tensors of one type."""

    def __init__(self, program, names, dtype, jitter=None):
        self.program = program
        self.dtype = dtype
        self.parameters = program.values(names, dtype)
        for tensor in self.parameters.values():
            tensor.requires_grad_()
        norms = [norm for norm in program.norms if norm.trains]
        self.statistics = program.values([n for norm in norms for n in (norm.mean, norm.variance)], dtype)
        if jitter is not None:
            self.shake(jitter)

    def shake(self, seed):
        """Changes each weight by up to two units in the last place of float32."""
        draw = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for tensor in self.parameters.values():
                tensor *= 1 + 2.0**-22 * (2 * torch.rand(tensor.shape, generator=draw, dtype=self.dtype) - 1)

    def logits(self, images, training):
        given = {**self.parameters, **self.statistics}
        return self.program.run(torch.tensor(images, dtype=self.dtype), given, training)

    def evaluate(self, images):
        with torch.no_grad():
            return self.logits(images, False).numpy().astype(np.float64)

    def loss(self, images, labels, training):
        return F.cross_entropy(self.logits(images, training), torch.from_numpy(labels))

    def gradients(self, images, labels):
        """Returns the loss of a batch in training mode, and its gradient for each parameter."""
        loss = self.loss(images, labels, True)
        found = torch.autograd.grad(loss, list(self.parameters.values()), allow_unused=True)
        unused = [name for name, g in zip(self.parameters, found) if g is None]
        if unused:
            raise ValueError(f"the loss does not depend on {unused}")
        return loss.item(), {name: g.numpy() for name, g in zip(self.parameters, found)}

    def train(self, optimizer, rate, batches):
        """Does the steps, and returns the loss of each before its update."""
        step = {"sgd": keras_momentum, "adamw": adamw}[optimizer](list(self.parameters.values()), rate)
        losses = []
        for images, labels in batches[:layout.STEPS]:
            for tensor in self.parameters.values():
                tensor.grad = None
            loss = self.loss(images, labels, True)
            loss.backward()
            step()
            losses.append(loss.item())
        return losses


def keras_momentum(parameters, rate):
    """Keras's form: v ← μv − lr·g, w ← w + v."""
    momentum = layout.SGD["momentum"]
    velocities = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step():
        for p, v in zip(parameters, velocities):
            v.mul_(momentum).sub_(rate * p.grad)
            p.add_(v)
    return step


def adamw(parameters, rate):
    options = layout.ADAMW
    return torch.optim.AdamW(
        parameters, lr=rate, betas=(options["beta1"], options["beta2"]),
        eps=options["epsilon"], weight_decay=options["weight_decay"]).step


@contextlib.contextmanager
def convolutions_of_onednn(wanted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flags also sets others, and PyTorch warns about those if there is no such GPU
        with torch.backends.mkldnn.flags(enabled=wanted):
            yield


@dataclass(eq=False)
class Gradients:
    """The gradients of a batch in float64, and the error of a computation in float32."""

    key: str
    batch: tuple  # images and labels
    loss: float
    want: dict
    statistics: dict
    errors: dict  # for each parameter
    statistics_error: float

    @property
    def worst(self):
        return worst(self.errors.values())


def sketches(arrays):
    return layout.sketches(arrays.values()).astype(np.float32)


def worst(numbers):
    return max(numbers, default=0.0)


def compute(program, names, candidates):
    """Returns the chosen batches, the arrays of references.npz, and the numbers for facts.json."""
    found = choose(program, names, candidates)
    batches = [f.batch for f in found]
    arrays = {}
    logits_error = 0.0
    for i, (images, labels) in enumerate(batches):
        arrays[f"images/{i}"], arrays[f"labels/{i}"] = images, labels
        arrays[f"logits/{i}"] = want = Trial(program, [], torch.float64).evaluate(images).astype(np.float32)
        arrays[f"gradients/{i}"] = sketches(found[i].want)
        logits_error = max(logits_error, *(
            layout.error(logits32(program, images, onednn), want) for onednn in FLOAT32_VARIANTS))
    arrays["statistics"] = sketches(found[0].statistics)
    return batches, arrays, {
        "batches": {f.key: len(f.batch[1]) for f in found},
        "loss": [f.loss for f in found],
        "gradient_rms": [layout.root_mean_square(f.want.values()) for f in found],
        "float32": {
            "logits": logits_error,
            "gradient": {name: [f.errors[name] for f in found] for name in names},
            "statistics": found[0].statistics_error,
        },
        "training": {
            optimizer: training(program, names, batches, optimizer, rate(optimizer, found[0]))
            for optimizer in layout.OPTIMIZERS},
    }


def choose(program, names, candidates):
    """Returns, of the candidates of each size, those for which float32 is nearest to float64, the nearest
    first. It stops at the first ones that are near enough.

    If a value of a batch lies at the edge of a gate such as ReLU, the gate may be open in one program and
    shut in another. That changes the gradients before it by up to a percent, but is no fault of either.
    """
    found = []
    for key, *batch in candidates:
        sizes = Counter(len(f.batch[1]) for f in found if f.worst < NEAR)
        if sizes[len(batch[1])] < zoo.BATCHES.count(len(batch[1])):
            found.append(gradients(program, names, key, batch))
    found.sort(key=lambda f: f.worst)
    chosen = []
    for count in zoo.BATCHES:
        best = next(f for f in found if len(f.batch[1]) == count)
        found.remove(best)
        chosen.append(best)
    return chosen


def gradients(program, names, key, batch):
    exact = Trial(program, names, torch.float64)
    loss, want = exact.gradients(*batch)
    moved = {n: s.numpy() for n, s in exact.statistics.items()}
    errors, statistics_errors = dict.fromkeys(names, 0.0), []
    for onednn, jitter in ROUNDED_VARIANTS:
        with convolutions_of_onednn(onednn):
            trial = Trial(program, names, torch.float32, jitter)
            _, got = trial.gradients(*batch)
        errors = {n: max(e, errors[n]) for n, e in layout.errors(got, want).items()}
        statistics_errors += [layout.error(s.numpy(), moved[n]) for n, s in trial.statistics.items()]
    return Gradients(key, batch, loss, want, moved, errors, worst(statistics_errors))


def logits32(program, images, onednn):
    with convolutions_of_onednn(onednn):
        return Trial(program, [], torch.float32).evaluate(images)


def rate(optimizer, first):
    """Returns the learning rate at which the first step would reduce the loss by DECREASE, were the loss linear, rounded
    to a power of two, which scales gradients without rounding them. High rates magnify rounding in a few steps."""
    step = {"sgd": lambda g: g, "adamw": lambda g: g / (np.abs(g) + layout.ADAMW["epsilon"])}[optimizer]
    slope = sum(float((g * step(g)).sum()) for g in first.want.values())
    return 2.0 ** math.floor(math.log2(DECREASE * first.loss / slope))


def training(program, names, batches, optimizer, rate):
    """Does three steps, and returns the loss before each, and that of batch 0 in eval mode after them."""
    def train(dtype, jitter=None):
        trial = Trial(program, names, dtype, jitter)
        losses = trial.train(optimizer, rate, batches)
        with torch.no_grad():
            return np.array([*losses, trial.loss(*batches[0], False).item()])

    want = train(torch.float64)
    apart = np.zeros(len(want))
    for onednn, jitter in ROUNDED_VARIANTS:
        with convolutions_of_onednn(onednn):
            apart = np.maximum(apart, np.abs(train(torch.float32, jitter) / want - 1))
    return {
        "rate": rate, "losses": want[:-1].tolist(), "evaluated": want[-1],
        "float32": {"losses": apart[:-1].tolist(), "evaluated": apart[-1]},
    }

"""Makes the reference values for the tests of optimizers for large batches and of averages of
weights.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python remedies.py

writes remedies.npz beside this file: for each of CASES, ten training steps in float64 with the
network and the batches of training.npz. The rates change from step to step. LARS is implemented
here from the paper, because the velocity of timm's LARS does not contain the rates. LAMB is
timm's, and averages are PyTorch's.
"""

import os
import pathlib

os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and torch.optim clash in one process

from reference import RATES, forward, tensors

import numpy as np
import timm.optim
import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

HERE = pathlib.Path(__file__).parent


def trained(t):
    return {k: v for k, v in t.items() if v.requires_grad}


def is_weight(name):
    """Returns whether a parameter is a weight of a convolution or dense layer: these decay, and their steps are scaled."""
    return name.endswith(".weight") and "norm" not in name


def grouped(t, decay, adapts=True):
    """Returns parameter groups for timm: those that decay and adapt, and the rest."""
    weights = [v for k, v in trained(t).items() if is_weight(k)]
    rest = [v for k, v in trained(t).items() if not is_weight(k)]
    return [{"params": weights, "weight_decay": decay, "always_adapt": adapts},
            {"params": rest, "weight_decay": 0, "always_adapt": False}]


def of(optimizer):
    def step(rate):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    return step


def lars(t, trust, decay, momentum=0.9):
    """Algorithm 1 of You et al. 2017."""
    velocity = {k: torch.zeros_like(v) for k, v in trained(t).items()}

    @torch.no_grad()
    def step(rate):
        for k, w in trained(t).items():
            g = w.grad
            if is_weight(k):
                local = trust * w.norm() / (g.norm() + decay * w.norm())
                g = local * (g + decay * w)
            velocity[k] = momentum * velocity[k] + rate * g
            w -= velocity[k]
    return step


def sgd(t):
    return of(torch.optim.SGD(list(trained(t).values()), momentum=0.9))


def adamw(t):
    return of(torch.optim.AdamW(grouped(t, 0.5)))


FACTORS = {"stage1.": 0.1, "dense.bias": 0, "dense.weight": 10}


def factor_of(name):
    return next((f for k, f in FACTORS.items() if name.startswith(k)), 1)


def multiplied(t):
    """Returns a step of Keras's momentum, whose velocity contains the rates, with a separate rate and decay for each parameter."""
    velocity = {k: torch.zeros_like(v) for k, v in trained(t).items()}

    @torch.no_grad()
    def step(rate):
        for k, w in trained(t).items():
            g = w.grad + (5e-3 * w if is_weight(k) else 0)
            velocity[k] = 0.9 * velocity[k] - rate * factor_of(k) * g
            w += velocity[k]
    return step


def each(t, make):
    """Returns a step of PyTorch's optimizer with a group, and so a rate, for each parameter."""
    groups = [{"params": [v], "weight_decay": 5e-3 * is_weight(k), "factor": factor_of(k)} for k, v in trained(t).items()]
    optimizer = make(groups)

    def step(rate):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.step()
    return step


def tensorflow_ema(decay):
    """tf.train.ExponentialMovingAverage with num_updates."""
    def average(averages, values, count):
        d = min(decay, (1 + count.item()) / (10 + count.item()))
        for a, v in zip(averages, values):
            a.copy_(a * d + v * (1 - d))
    return average


# For each case: a function that makes the step, the factors of the rates, and the averages, if there are any.
CASES = {
    "lars": (lambda t: lars(t, 0.02, 5e-3), 1, None),
    "lars-plain": (lambda t: lars(t, 0.05, 0), 1, None),
    "lars-corrected": (lambda t: of(timm.optim.Lars(grouped(t, 5e-3), momentum=0.9, trust_coeff=0.02)), 1, None),
    "lars-corrected-nesterov": (lambda t: of(timm.optim.Lars(grouped(t, 5e-3), momentum=0.9, trust_coeff=0.02, nesterov=True)), 1, None),
    "lamb": (lambda t: of(timm.optim.Lamb(grouped(t, 0.5), eps=1e-6, max_grad_norm=None)), 0.1, None),
    "lamb-no-decay": (lambda t: of(timm.optim.Lamb(grouped(t, 0), eps=1e-6, max_grad_norm=None)), 0.1, None),
    "sgd-ema": (sgd, 1, get_ema_multi_avg_fn(0.8)),
    "sgd-ema-warmup": (sgd, 1, tensorflow_ema(0.5)),
    "multipliers": (multiplied, 1, None),
    "multipliers-corrected": (lambda t: each(t, lambda groups: torch.optim.SGD(groups, momentum=0.9)), 1, None),
    "multipliers-adamw": (lambda t: each(t, torch.optim.AdamW), 0.05, None),
    "adamw-ema": (adamw, 0.05, get_ema_multi_avg_fn(0.8)),
}


def train(start, batches, case):
    make, factor, average = CASES[case]
    t = tensors(start, torch.float64)
    model = torch.nn.ParameterDict({k.replace(".", "/"): torch.nn.Parameter(v) for k, v in trained(t).items()})
    t |= {k.replace("/", "."): v for k, v in model.items()}
    averaged = average and AveragedModel(model, multi_avg_fn=average)
    if averaged:
        averaged.update_parameters(model)  # the first call copies, so the average begins with the first values
    step, losses = make(t), []
    for rate, (image, label) in zip(RATES, batches):
        stats = {}
        loss = F.cross_entropy(forward(image, t, 2, 1, 1, stats), torch.tensor(label))
        model.zero_grad()
        loss.backward()
        losses.append(loss.item())
        step(rate * factor)
        t |= stats
        if averaged:
            averaged.update_parameters(model)
    final = {f"final/{k}": v for k, v in t.items()}
    if averaged:
        final |= {"ema/" + k.replace("/", "."): v for k, v in averaged.module.items()}
    return losses, {k: v.detach().numpy().astype(np.float32) for k, v in final.items()}


def main():
    torch.set_num_threads(1)
    training = np.load(HERE / "training.npz")
    start = {k.removeprefix("param/"): training[k] for k in training if k.startswith("param/")}
    batches = [(training[f"batch/{i}/image"], training[f"batch/{i}/label"]) for i in range(len(RATES))]
    out = {}
    for case, (_, factor, _) in CASES.items():
        losses, final = train(start, batches, case)
        out |= {f"{case}/factor": np.float64(factor), f"{case}/loss": np.float64(losses)} | {f"{case}/{k}": v for k, v in final.items()}
        print(case, losses[0], losses[-1])
    np.savez_compressed(HERE / "remedies.npz", **out)


if __name__ == "__main__":
    main()

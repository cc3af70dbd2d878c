"""Writes schedules.json: learning rates of PyTorch's and Keras's schedulers.

    pip install -r requirements.txt
    python reference.py

PyTorch computes in float64, Keras's schedules in float32. The momentum cases
run PyTorch's SGD, whose velocity does not hold the rate, so that its steps are
those of the Keras form with momentum correction (Goyal et al. 2017, remark 2).
"""
import json
import os
import pathlib
import warnings

os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and PyTorch clash in one process

import keras  # noqa: E402
import torch  # noqa: E402
from torch.optim import lr_scheduler  # noqa: E402

warnings.filterwarnings("ignore")
STEPS = 100


def torch_rates(make, rate=0.8):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = make(optimizer)
    rates = []
    for step in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < STEPS:  # one-cycle counts its steps strictly
            scheduler.step()
    return rates


def keras_rates(schedule):
    return [float(schedule(step)) for step in range(STEPS)]


def torch_weights(rates, gradients, momentum):
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=1.0, momentum=momentum)
    weights = []
    for rate, gradient in zip(rates, gradients):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        weights.append(weight.item())
    return weights


def warmup_then(optimizer, then):
    warmup = lr_scheduler.LinearLR(optimizer, start_factor=0.125, end_factor=1.0, total_iters=20)
    return lr_scheduler.SequentialLR(optimizer, [warmup, then(optimizer)], milestones=[20])


def main():
    schedules = keras.optimizers.schedules
    gradients = [((7 * i) % 11 - 5) / 10 for i in range(STEPS)]
    warm = torch_rates(lambda o: warmup_then(o, lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=80)))
    cases = {
        "torch step": torch_rates(lambda o: lr_scheduler.MultiStepLR(o, [60, 85], gamma=0.1)),
        "torch cosine": torch_rates(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.008)),
        "torch one-cycle": torch_rates(
            lambda o: lr_scheduler.OneCycleLR(
                o, max_lr=0.8, total_steps=STEPS, pct_start=0.3, div_factor=25, final_div_factor=4, cycle_momentum=False
            )
        ),
        "torch polynomial": torch_rates(lambda o: lr_scheduler.PolynomialLR(o, total_iters=STEPS, power=2.0)),
        "torch warmup cosine": warm,
        "keras cosine": keras_rates(schedules.CosineDecay(0.8, STEPS, alpha=0.01)),
        "keras polynomial": keras_rates(schedules.PolynomialDecay(0.8, STEPS, end_learning_rate=0.08, power=0.5)),
        "keras step": keras_rates(schedules.PiecewiseConstantDecay([59, 84], [0.8, 0.08, 0.008])),
        "keras warmup cosine": keras_rates(
            schedules.CosineDecay(0.1, STEPS - 20, alpha=0.0, warmup_target=0.8, warmup_steps=20)
        ),
    }
    momentum = {"rates": warm, "gradients": gradients, "weights": torch_weights(warm, gradients, 0.9)}
    out = pathlib.Path(__file__).with_name("schedules.json")
    text = json.dumps({"schedules": cases, "momentum": momentum}, indent=0)
    out.write_text(text + "\n")


if __name__ == "__main__":
    main()

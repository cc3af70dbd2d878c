"""Writes schedules.json: learning rates of PyTorch's and Keras's schedulers, and
when Keras's EarlyStopping stops.

    pip install -r requirements.txt
    python reference.py

PyTorch computes in float64, Keras's schedules in float32. The momentum cases
run PyTorch's SGD, whose velocity does not contain the rate, so that its steps are
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
EPOCHS = 50


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


def watched():
    """Returns two values per epoch, one that should fall and one that should rise, with
    noise, stretches without progress and ties. They are the same every time."""
    falls, rises = [], []
    for epoch in range(EPOCHS):
        level = max(0.25, 2.0 * 0.8 ** min(epoch % 17, epoch / 2))
        falls.append(level + ((7 * epoch) % 5) / 16)
        rises.append(1 - falls[-1] / 4)
    return {"val_loss": falls, "val_accuracy": rises}


# The arguments of each callback: the monitored quantity, factor, patience, cooldown,
# min_delta and lowest rate.
PLATEAUS = {
    "plain": ("val_loss", 0.5, 3, 0, 0.0, 0.0),
    "impatient": ("val_loss", 0.5, 1, 0, 0.0, 0.0),
    "cooldown": ("val_loss", 0.3, 2, 4, 0.0, 0.0),
    "cooldown of one": ("val_loss", 0.3, 2, 1, 0.0, 0.0),
    "delta": ("val_loss", 0.7, 3, 2, 0.15, 0.0),
    "least": ("val_loss", 0.1, 2, 0, 0.0, 0.005),
    "rising": ("val_accuracy", 0.5, 3, 2, 0.01, 0.0),
}


def mode_of(quantity):
    return "max" if quantity == "val_accuracy" else "min"


def torch_plateau(quantity, factor, patience, cooldown, min_delta, least):
    # PyTorch waits one epoch longer, and does not count the epochs of the cooldown.
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode_of(quantity), factor=factor, patience=patience - 1, cooldown=max(cooldown - 1, 0),
        threshold=min_delta, threshold_mode="abs", min_lr=least, eps=0,
    )
    rates = []
    for value in watched()[quantity]:
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(value)
    return rates + [optimizer.param_groups[0]["lr"]]


def keras_callback(callback, quantity):
    """Returns the learning rates before each epoch and after the last one that ran."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.8), loss="mse")
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(watched()[quantity]):
        rates.append(float(model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {quantity: value})
        if model.stop_training:
            break
    return rates + [float(model.optimizer.learning_rate)]


def keras_plateau(quantity, factor, patience, cooldown, min_delta, least):
    return keras_callback(
        keras.callbacks.ReduceLROnPlateau(
            monitor=quantity, mode=mode_of(quantity), factor=factor, patience=patience, cooldown=cooldown,
            min_delta=min_delta, min_lr=least,
        ),
        quantity,
    )


# The quantity that EarlyStopping monitors, its patience and its min_delta.
STOPS = {
    "plain": ("val_loss", 3, 0.0),
    "impatient": ("val_loss", 1, 0.0),
    "delta": ("val_loss", 4, 0.15),
    "rising": ("val_accuracy", 4, 0.0),
    "patient": ("val_loss", 60, 0.0),
}


def keras_stop(quantity, patience, min_delta):
    callback = keras.callbacks.EarlyStopping(
        monitor=quantity, mode=mode_of(quantity), patience=patience, min_delta=min_delta, restore_best_weights=True
    )
    keras_callback(callback, quantity)
    return {
        "quantity": quantity, "patience": patience, "min_delta": min_delta,
        "stopped": callback.stopped_epoch > 0, "epoch": callback.stopped_epoch, "best": callback.best_epoch,
    }


def plateau_case(options):
    names = ["quantity", "factor", "patience", "cooldown", "min_delta", "least"]
    return dict(zip(names, options)) | {"keras": keras_plateau(*options), "torch": torch_plateau(*options)}


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


def staircase(rates):
    """Returns one rate for each epoch of 10 steps, because the scheduler is stepped once per epoch."""
    return [rates[step // 10] for step in range(STEPS)]


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
        "torch exponential": staircase(torch_rates(lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9))),
        "keras exponential": keras_rates(schedules.ExponentialDecay(0.8, 10, 0.9, staircase=True)),
        "keras cosine": keras_rates(schedules.CosineDecay(0.8, STEPS, alpha=0.01)),
        "keras polynomial": keras_rates(schedules.PolynomialDecay(0.8, STEPS, end_learning_rate=0.08, power=0.5)),
        "keras step": keras_rates(schedules.PiecewiseConstantDecay([59, 84], [0.8, 0.08, 0.008])),
        "keras warmup cosine": keras_rates(
            schedules.CosineDecay(0.1, STEPS - 20, alpha=0.0, warmup_target=0.8, warmup_steps=20)
        ),
    }
    momentum = {"rates": warm, "gradients": gradients, "weights": torch_weights(warm, gradients, 0.9)}
    out = pathlib.Path(__file__).with_name("schedules.json")
    text = json.dumps({
        "schedules": cases, "momentum": momentum, "watched": watched(),
        "plateaus": {name: plateau_case(options) for name, options in PLATEAUS.items()},
        "stops": {name: keras_stop(*options) for name, options in STOPS.items()},
    }, indent=0)
    out.write_text(text + "\n")


if __name__ == "__main__":
    main()

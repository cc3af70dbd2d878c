"""Makes the reference values for the tests of onnxlab's optimizers.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python optimizers.py

writes optimizers.npz beside this file: for each of CASES, ten training steps in float64 with
the network and the batches of training.npz. The rates change from step to step. The
optimizers are PyTorch's, except SGD whose velocity contains the rates, which is Keras's.
"""

import os
import pathlib

os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and torch.optim clash in one process

from reference import RATES, forward, parameters, tensors

import keras
import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent


def grouped(t, decay, everything=False):
    """Returns two parameter groups: the weights of convolutions and dense layers, which decay, and the rest."""
    trained = {k: v for k, v in t.items() if v.requires_grad}
    decays = [v for k, v in trained.items() if everything or k.endswith(".weight") and "norm" not in k]
    rest = [v for v in trained.values() if all(v is not d for d in decays)]
    return [{"params": decays, "weight_decay": decay}, {"params": rest, "weight_decay": 0}]


def torch_step(optimizer):
    def step(rate):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    return step


def keras_step(t, **options):
    """Returns a step of Keras's SGD on variables that are copied from and to PyTorch's."""
    trained = [v for v in t.values() if v.requires_grad]
    variables = [keras.Variable(v.detach().numpy(), dtype="float64") for v in trained]
    optimizer = keras.optimizers.SGD(learning_rate=1.0, **options)

    def step(rate):
        optimizer.learning_rate = rate
        optimizer.apply([v.grad for v in trained], variables)
        with torch.no_grad():
            for v, new in zip(trained, variables):
                v.copy_(new.value)
    return step


# For each case: a function that makes the step, and the norm to which gradients are clipped.
CASES = {
    "adam": (lambda t: torch_step(torch.optim.Adam(grouped(t, 0))), 0),
    "adam-decay": (lambda t: torch_step(torch.optim.Adam(grouped(t, 0.02))), 0),
    "adam-betas": (lambda t: torch_step(torch.optim.Adam(grouped(t, 0), betas=(0.8, 0.95), eps=1e-3)), 0),
    "adamw": (lambda t: torch_step(torch.optim.AdamW(grouped(t, 0.5))), 0),
    "adamw-all": (lambda t: torch_step(torch.optim.AdamW(grouped(t, 0.5, True))), 0),
    "adamw-clip": (lambda t: torch_step(torch.optim.AdamW(grouped(t, 0.5))), 0.52),
    "sgd-clip": (lambda t: keras_step(t, momentum=0.9), 0.52),
    "sgd-clip-plain": (lambda t: keras_step(t), 0.52),
    "sgd-nesterov": (lambda t: keras_step(t, momentum=0.9, nesterov=True), 0),
    "sgd-corrected": (lambda t: torch_step(torch.optim.SGD(grouped(t, 5e-3), momentum=0.9)), 0.52),
    "sgd-corrected-nesterov": (lambda t: torch_step(torch.optim.SGD(grouped(t, 5e-3), momentum=0.9, nesterov=True)), 0),
}


def train(start, batches, case):
    make, clip = CASES[case]
    t = tensors(start, torch.float64)
    step = make(t)
    losses, norms = [], []
    for rate, (image, label) in zip(RATES, batches):
        stats = {}
        loss = F.cross_entropy(forward(image, t, 2, 1, 1, stats), torch.tensor(label))
        trained = [v for v in t.values() if v.requires_grad]
        for v in trained:
            v.grad = None
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, clip or float("inf")).item())
        losses.append(loss.item())
        step(rate / 20 if case.startswith("adam") else rate)
        t |= stats
    return losses, norms, {k: v.detach().numpy().astype(np.float32) for k, v in t.items()}


def main():
    torch.set_num_threads(1)
    training = np.load(HERE / "training.npz")
    start = {k.removeprefix("param/"): training[k] for k in training if k.startswith("param/")}
    rng = np.random.default_rng(2)  # as in reference.training, whose file has the same batches
    assert all((v == start[k]).all() for k, v in parameters(rng, [4, 6], 1, 10).items())
    batches = [(training[f"batch/{i}/image"], training[f"batch/{i}/label"]) for i in range(len(RATES))]
    out = {}
    for case, (_, clip) in CASES.items():
        losses, norms, final = train(start, batches, case)
        # Clipping is tested with a norm at which some steps are clipped and others are not.
        assert not clip or min(norms) < clip < max(norms), (case, norms)
        out |= {f"{case}/loss": np.float64(losses)} | {f"{case}/final/{k}": v for k, v in final.items()}
    np.savez_compressed(HERE / "optimizers.npz", **out)


if __name__ == "__main__":
    main()

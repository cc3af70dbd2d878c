"""Checks the references: compares the program of a file with ONNX Runtime and with the model it was exported from."""

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F

import zoo
from models import layout
from references import Trial

# Limits of relative root mean square errors. Weights in files are float32. Those that the exporter
# computed, for example by folding BatchNorm, were rounded, and so were attributes such as epsilon: in
# efficientnet_b0, that moves logits by 1.4e-5.
LIMITS = {
    "runtime: logits": 1e-4,  # ONNX Runtime computes in float32
    "torch: logits": 3e-5,
    "torch: input gradient": 2e-2,  # with rounded weights, a gate may be open in one program and shut in the other
    "torch: gradients": 1e-6,
    "torch: statistics": 1e-6,
    "keras: probabilities": 3e-5,  # Keras computes in float32
    "keras: input gradient": 2e-2,
}


def runtime(path, program, batches, arrays):
    """Compares the logits of the program in eval mode with those of ONNX Runtime."""
    if any(norm.trains for norm in program.norms):
        return {}  # ONNX Runtime would run BatchNormalization as in training
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for i, (images, _) in enumerate(batches):
        got = session.run(None, {program.input.name: images})[0]
        want = arrays[f"logits/{i}"]
        if program.logits != program.output:
            want = torch.softmax(torch.from_numpy(want), 1).numpy()
        worst = max(worst, layout.error(got, want))
    return {"runtime: logits": worst}


def against_keras(folder, program, candidates):
    """Compares the program with Keras's own float32 results for the first candidate."""
    path = folder / "keras.npz"
    if not path.exists():
        return {}
    keras = np.load(path)
    logits, gradient = sensitivity(lambda x: program.run(x, {}, False), *candidates[0][1:])
    probabilities = torch.softmax(torch.from_numpy(logits), 1).numpy()
    return {
        "keras: probabilities": layout.error(keras["probabilities"], probabilities),
        "keras: input gradient": layout.error(keras["input_gradient"], gradient),
    }


def against_torch(about, program, names, batches):
    """Compares the program with the PyTorch model: logits and the gradient of the images in eval mode and, for
    files in training form, also the gradients of the parameters and the statistics after a step."""
    if about["model"] not in zoo.MODELS:
        return {}
    model = zoo.model(about["model"])[0].double()
    if about["form"] == "training":  # the exporter traced the model in training mode, which changed its statistics
        moved = {name: torch.tensor(program.constants[name].value) for norm in program.norms for name in (norm.mean, norm.variance)}
        model.load_state_dict(moved, strict=False)
    images, labels = batches[0]
    trial = Trial(program, names, torch.float64)
    got, got_gradient = sensitivity(lambda x: program.run(x, {**trial.parameters, **trial.statistics}, False), images, labels)
    want, want_gradient = sensitivity(model, images, labels)
    checks = {
        "torch: logits": layout.error(got, want),
        "torch: input gradient": layout.error(got_gradient, want_gradient),
    }
    if about["form"] == "training":
        checks |= in_training(model, trial, images, labels)
    return checks


def sensitivity(function, images, labels):
    """Returns the logits of images and the gradient of the loss with respect to them, in float64."""
    x = torch.tensor(images, dtype=torch.float64, requires_grad=True)
    logits = function(x)
    gradient, = torch.autograd.grad(F.cross_entropy(logits, torch.from_numpy(labels)), x)
    return logits.detach().numpy(), gradient.numpy()


def in_training(model, trial, images, labels):
    """Compares in training mode. Files in training form have the names of PyTorch."""
    model.train()
    F.cross_entropy(model(torch.tensor(images, dtype=torch.float64)), torch.from_numpy(labels)).backward()
    _, got = trial.gradients(images, labels)
    want = {name: p.grad.numpy() for name, p in model.named_parameters()}
    missing = sorted(set(want) ^ set(got))
    if missing:
        raise ValueError(f"{missing} are parameters in PyTorch or in the file, but not in both")
    errors = layout.errors(got, want)
    buffers = dict(model.named_buffers())
    found = [layout.error(s.numpy(), buffers[name].numpy()) for name, s in trial.statistics.items()]
    return {"torch: gradients": max(errors.values()), "torch: statistics": max(found, default=0.0)}

"""Makes the reference values for the tests of onnxlab's training.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python reference.py

writes, beside this file:

network.npz   loss, gradients and running statistics of one step of the study's
              network at narrow widths, by PyTorch in float64
oblong.npz    the same for images that are not square, at widths of whole blocks
training.npz  ten training steps of a small network, with and without weight
              decay and label smoothing, by PyTorch in float64
sgd.npz       ten steps of Keras's SGD with momentum at a changing rate
keras.json    the parameter counts of the study's network, by Keras
"""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
EPSILON, KEEP = 1e-3, 0.99  # of BatchNorm, Keras's defaults
CLEAR = 1e-5  # every input of a ReLU is further from 0 than this
RATES = [0.1, 0.05, 0.2, 0.2, 0.01, 0.1, 0.4, 0.04, 0.02, 0.1]


def parameters(rng, widths, convolutions, classes):
    """Returns random parameters that are nowhere trivial, by name."""
    p, channels = {}, 3
    for stage, width in enumerate(widths, 1):
        for i in range(1, convolutions + 1):
            name = f"stage{stage}.conv{i}"
            p[f"{name}.weight"] = rng.normal(0, (2 / (9 * channels)) ** 0.5, (width, channels, 3, 3))
            p[f"{name}.bias"] = rng.normal(0, 0.1, width)
            name = f"stage{stage}.norm{i}"
            p[f"{name}.weight"] = rng.uniform(0.5, 1.5, width)
            p[f"{name}.bias"] = rng.normal(0, 0.3, width)
            p[f"{name}.running_mean"] = rng.normal(0, 0.5, width)
            p[f"{name}.running_var"] = rng.uniform(0.5, 2, width)
            channels = width
    p["dense.weight"] = rng.normal(0, channels ** -0.5, (channels, classes))
    p["dense.bias"] = rng.normal(0, 0.1, classes)
    return {k: v.astype(np.float32) for k, v in p.items()}


def tensors(p, dtype):
    """Returns the parameters as tensors of PyTorch; statistics have no gradient."""
    return {k: torch.tensor(v, dtype=dtype, requires_grad="running" not in k) for k, v in p.items()}


def normalised(x, name, p, replicas, stats):
    """Normalises each replica's part of x separately, and adds the new running
    statistics to stats: the means over the replicas, with the unbiased variance, as
    TensorFlow's fused kernel computes it."""
    parts, means, variances = [], [], []
    for part in x.chunk(replicas):
        mean = part.mean((0, 2, 3))
        var = part.var((0, 2, 3), unbiased=False)
        count = part.numel() // part.shape[1]
        scaled = (part - mean[:, None, None]) / torch.sqrt(var + EPSILON)[:, None, None]
        parts.append(scaled * p[f"{name}.weight"][:, None, None] + p[f"{name}.bias"][:, None, None])
        means.append(mean.detach())
        variances.append(var.detach() * count / max(count - 1, 1))
    for key, values in (("running_mean", means), ("running_var", variances)):
        old = p[f"{name}.{key}"]
        stats[f"{name}.{key}"] = KEEP * old + (1 - KEEP) * sum(values) / replicas
    return torch.cat(parts)


def forward(image, p, stages, convolutions, replicas, stats, near=None):
    """Returns the logits of uint8 images [n, h, w, 3]. For each ReLU, it appends to near the
    smallest absolute value of its inputs."""
    dtype = p["dense.weight"].dtype
    x = torch.tensor(image).permute(0, 3, 1, 2).to(dtype) / 255
    for stage in range(1, stages + 1):
        if stage > 1:
            x = F.avg_pool2d(x, 2)
        for i in range(1, convolutions + 1):
            name = f"stage{stage}.conv{i}"
            x = F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=1)
            x = normalised(x, f"stage{stage}.norm{i}", p, replicas, stats)
            if near is not None:
                near.append(x.detach().abs().min().item())
            x = F.relu(x)
    return x.mean((2, 3)) @ p["dense.weight"] + p["dense.bias"]


def one_step(p, image, label, replicas, dtype):
    t, stats = tensors(p, dtype), {}
    logits = forward(image, t, 3, 3, replicas, stats)
    loss = F.cross_entropy(logits, torch.tensor(label))
    loss.backward()
    gradients = {k: v.grad.numpy() for k, v in t.items() if v.grad is not None}
    return loss.item(), logits.detach().numpy(), gradients, {k: v.numpy() for k, v in stats.items()}


def clear_batch(rng, p, n, replicas):
    """Returns random images and labels for which ReLU cuts off the same values in float32
    as in float64, on every processor."""
    while True:
        image = rng.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
        near = []
        with torch.no_grad():
            forward(image, tensors(p, torch.float64), 3, 3, replicas, {}, near)
        if min(near) > CLEAR:
            return image, rng.integers(0, 10, n)


def network():
    rng = np.random.default_rng(1)
    p = parameters(rng, [4, 6, 8], 3, 10)
    out = {f"param/{k}": v for k, v in p.items()}
    for replicas in (1, 4):
        for size in (1, 7, 16):
            key, n = f"case/r{replicas}b{size}/", replicas * size
            image, label = clear_batch(rng, p, n, replicas)
            loss, logits, gradients, stats = one_step(p, image, label, replicas, torch.float64)
            out |= {key + "image": image, key + "label": label, key + "loss": np.float64([loss]),
                    key + "correct": np.int64([(logits.argmax(1) == label).sum()]),
                    key + "logits": logits.astype(np.float32)}
            out |= {f"{key}grad/{k}": v.astype(np.float32) for k, v in gradients.items()}
            out |= {f"{key}stat/{k}": v.astype(np.float32) for k, v in stats.items()}
            # The case is suitable for comparisons if float32 arithmetic
            # does not change it.
            for k, v in one_step(p, image, label, replicas, torch.float32)[2].items():
                if "conv" in k and k.endswith("bias"):
                    continue
                error = np.sqrt(((v - gradients[k]) ** 2).sum() / (gradients[k] ** 2).sum())
                assert error < 2e-5, (key, k, error)
    np.savez_compressed(HERE / "network.npz", **out)


def oblong():
    rng = np.random.default_rng(4)
    p = parameters(rng, [16, 32], 1, 10)
    out = {f"param/{k}": v for k, v in p.items()}
    for height, width, size in ((12, 20, 16), (21, 10, 5)):
        key = f"case/{height}x{width}/"
        image = rng.integers(0, 256, (size, height, width, 3), dtype=np.uint8)
        label = rng.integers(0, 10, size)
        t, stats = tensors(p, torch.float64), {}
        logits = forward(image, t, 2, 1, 1, stats)
        loss = F.cross_entropy(logits, torch.tensor(label))
        loss.backward()
        out |= {key + "image": image, key + "label": label, key + "loss": np.float64([loss.item()]),
                key + "correct": np.int64([(logits.argmax(1).numpy() == label).sum()])}
        out |= {f"{key}grad/{k}": v.grad.numpy().astype(np.float32) for k, v in t.items() if v.requires_grad}
        out |= {f"{key}stat/{k}": v.numpy().astype(np.float32) for k, v in stats.items()}
    np.savez_compressed(HERE / "oblong.npz", **out)


def training():
    rng = np.random.default_rng(2)
    p = parameters(rng, [4, 6], 1, 10)
    out = {f"param/{k}": v for k, v in p.items()} | {"rate": np.float64(RATES)}
    batches = [(rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8), rng.integers(0, 10, 8)) for _ in RATES]
    for step, (image, label) in enumerate(batches):
        out |= {f"batch/{step}/image": image, f"batch/{step}/label": label}
    for kind, decay, smoothing in (("plain", 0, 0), ("regular", 5e-4, 0.1)):
        t = tensors(p, torch.float64)
        velocity = {k: torch.zeros_like(v) for k, v in t.items() if v.requires_grad}
        losses = []
        for rate, (image, label) in zip(RATES, batches):
            stats = {}
            loss = F.cross_entropy(forward(image, t, 2, 1, 1, stats), torch.tensor(label), label_smoothing=smoothing)
            names = list(velocity)
            gradients = torch.autograd.grad(loss, [t[k] for k in names])
            losses.append(loss.item())
            with torch.no_grad():
                for k, g in zip(names, gradients):
                    if decay and k.endswith(".weight") and "norm" not in k:
                        g = g + decay * t[k]
                    velocity[k] = 0.9 * velocity[k] - rate * g
                    t[k] += velocity[k]
            t |= stats
        out[f"{kind}/loss"] = np.float64(losses)
        out |= {f"{kind}/final/{k}": v.detach().numpy().astype(np.float32) for k, v in t.items()}
    np.savez_compressed(HERE / "training.npz", **out)


def sgd():
    rng = np.random.default_rng(3)
    variables = [keras.Variable(rng.normal(0, 1, s).astype(np.float32)) for s in ((3, 4), (5,))]
    optimizer = keras.optimizers.SGD(learning_rate=RATES[0], momentum=0.9)
    out = {f"start/{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)} | {"rate": np.float64(RATES)}
    for step, rate in enumerate(RATES):
        gradients = [rng.normal(0, 1, v.shape).astype(np.float32) for v in variables]
        optimizer.learning_rate = rate
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
        for i, (g, v) in enumerate(zip(gradients, variables)):
            out |= {f"gradient/{step}/{i}": g, f"value/{step}/{i}": keras.ops.convert_to_numpy(v)}
    np.savez_compressed(HERE / "sgd.npz", **out)


def counts():
    layers = [keras.layers.Input((32, 32, 3))]
    for stage, width in enumerate((64, 128, 256)):
        if stage:
            layers.append(keras.layers.AveragePooling2D(2))
        for _ in range(3):
            layers += [keras.layers.Conv2D(width, 3, padding="same"), keras.layers.BatchNormalization(),
                       keras.layers.ReLU()]
    model = keras.Sequential(layers + [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)])
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    kernels = [[float(np.abs(keras.ops.convert_to_numpy(w)).max()), list(w.shape)] for w in model.trainable_weights if "kernel" in w.path]
    (HERE / "keras.json").write_text(json.dumps(
        {"total": model.count_params(), "trainable": trainable, "kernels": kernels}, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    network()
    oblong()
    training()
    sgd()
    counts()

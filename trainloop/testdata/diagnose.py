"""Makes the reference values for the tests of the diagnosis of training runs.

    python -m venv .venv && .venv/bin/pip install torch==2.15.0 numpy==2.4.6
    .venv/bin/python diagnose.py

writes diagnose.npz beside this file: a small network of the study's kind with random
parameters, some batches and, computed by PyTorch in float64, the squared norm of the
gradient, its variance between batches (McCandlish et al. 2018, appendix A.1), and all
eigenvalues of the Hessian of the mean loss, for networks with each activation.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
EPSILON = 1e-3  # of BatchNorm
WIDTHS, CLASSES, SIZE = [4, 6], 10, 8
BATCHES, IMAGES = 6, 16


def parameters(rng):
    """Returns random parameters that are nowhere trivial, by name."""
    p, channels = {}, 3
    for stage, width in enumerate(WIDTHS, 1):
        p[f"stage{stage}.conv1.weight"] = rng.normal(0, (2 / (9 * channels)) ** 0.5, (width, channels, 3, 3))
        p[f"stage{stage}.conv1.bias"] = rng.normal(0, 0.1, width)
        p[f"stage{stage}.norm1.weight"] = rng.uniform(0.5, 1.5, width)
        p[f"stage{stage}.norm1.bias"] = rng.normal(0, 0.3, width)
        channels = width
    p["dense.weight"] = rng.normal(0, channels ** -0.5, (channels, CLASSES))
    p["dense.bias"] = rng.normal(0, 0.1, CLASSES)
    return {k: v.astype(np.float32) for k, v in p.items()}


def loss(p, image, label, activation):
    """Returns the mean cross-entropy of uint8 images [n, h, w, 3], with BatchNorm normalising by the batch."""
    x = torch.tensor(image).permute(0, 3, 1, 2).double() / 255
    for stage in range(1, len(WIDTHS) + 1):
        if stage > 1:
            x = F.avg_pool2d(x, 2)
        x = F.conv2d(x, p[f"stage{stage}.conv1.weight"], p[f"stage{stage}.conv1.bias"], padding=1)
        x = F.batch_norm(x, None, None, p[f"stage{stage}.norm1.weight"], p[f"stage{stage}.norm1.bias"], training=True, eps=EPSILON)
        x = activation(x)
    return F.cross_entropy(x.mean((2, 3)) @ p["dense.weight"] + p["dense.bias"], torch.tensor(label))


def split(vector, p):
    """Returns the parameters whose concatenation is the vector."""
    parts = vector.split([v.numel() for v in p.values()])
    return {k: part.reshape(v.shape) for (k, v), part in zip(p.items(), parts)}


def main():
    rng = np.random.default_rng(5)
    p = parameters(rng)
    images = rng.integers(0, 256, (BATCHES, IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    labels = rng.integers(0, CLASSES, (BATCHES, IMAGES))
    out = {f"param/{k}": v for k, v in p.items()} | {"images": images, "labels": labels}
    start = {k: torch.tensor(v, dtype=torch.float64) for k, v in p.items()}
    vector = torch.cat([v.flatten() for v in start.values()])
    for name, activation in (("relu", F.relu), ("silu", F.silu)):
        def of(vector, i):
            return loss(split(vector, start), images[i], labels[i], activation)

        gradients = torch.stack([torch.func.grad(of)(vector, i) for i in range(BATCHES)])
        for part, columns in split(torch.arange(len(vector)), start).items():
            g = gradients[:, columns.flatten()]
            # The covariance of the mean gradient of IMAGES images, times IMAGES. The part of the
            # mean's square that is noise is subtracted.
            variance = g.var(0, unbiased=True).sum()
            out[f"{name}/variance/{part}"] = np.float64([variance * IMAGES])
            out[f"{name}/signal/{part}"] = np.float64([g.mean(0).square().sum() - variance / BATCHES])
        mean = lambda v: sum(of(v, i) for i in range(2)) / 2
        eigenvalues = torch.linalg.eigvalsh(torch.func.hessian(mean)(vector))
        out[f"{name}/eigenvalues"] = eigenvalues.numpy()
        print(name, eigenvalues[:3].numpy(), eigenvalues[-5:].numpy())
    np.savez_compressed(HERE / "diagnose.npz", **out)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

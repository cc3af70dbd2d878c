"""Trains the study's network in PyTorch on a GPU, for the tests that compare onnxlab with it.

    python3 bench/gpu/reference.py FILE.npz [--device cuda] [--steps 50]

FILE.npz has random parameters and batches; and for each precision of PyTorch the gradients of the first
step and the losses of all steps: float64, float32 without TF32, tf32, and autocast to float16 and
bfloat16. TestStudyOnGPU in ort/session reads it.
"""

import argparse
from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F

WIDTHS, CONVOLUTIONS, CLASSES, SIZE, BATCH, BATCHES = [64, 128, 256], 3, 10, 32, 128, 4
RATE, MOMENTUM, EPSILON = 0.001, 0.9, 1e-3
PRECISIONS = {  # the type of the parameters, TF32, and that of autocast
    "float64": (torch.float64, False, None),
    "float32": (torch.float32, False, None),
    "tf32": (torch.float32, True, None),
    "float16": (torch.float32, True, torch.float16),
    "bfloat16": (torch.float32, True, torch.bfloat16),
}


def parameters(rng):
    """Returns random parameters by name, with the statistics that BatchNorm begins with."""
    p, channels = {}, 3
    for stage, width in enumerate(WIDTHS, 1):
        for i in range(1, CONVOLUTIONS + 1):
            conv, norm = f"stage{stage}.conv{i}", f"stage{stage}.norm{i}"
            p[f"{conv}.weight"] = rng.normal(0, (2 / (9 * channels)) ** 0.5, (width, channels, 3, 3))
            p[f"{conv}.bias"] = rng.normal(0, 0.1, width)
            p[f"{norm}.weight"] = rng.uniform(0.5, 1.5, width)
            p[f"{norm}.bias"] = rng.normal(0, 0.3, width)
            p[f"{norm}.running_mean"] = np.zeros(width)
            p[f"{norm}.running_var"] = np.ones(width)
            channels = width
    p["dense.weight"] = rng.normal(0, channels**-0.5, (channels, CLASSES))
    p["dense.bias"] = rng.normal(0, 0.1, CLASSES)
    return {name: values.astype(np.float32) for name, values in p.items()}


def forward(image, p):
    """Returns the logits of images uint8 [n, height, width, 3]."""
    x = image.permute(0, 3, 1, 2).to(p["dense.weight"].dtype) / 255
    for stage in range(1, len(WIDTHS) + 1):
        if stage > 1:
            x = F.avg_pool2d(x, 2)
        for i in range(1, CONVOLUTIONS + 1):
            conv, norm = f"stage{stage}.conv{i}", f"stage{stage}.norm{i}"
            x = F.conv2d(x, p[f"{conv}.weight"], p[f"{conv}.bias"], padding=1)
            x = F.relu(F.batch_norm(x, None, None, p[f"{norm}.weight"], p[f"{norm}.bias"], training=True, eps=EPSILON))
    return x.mean((2, 3)) @ p["dense.weight"] + p["dense.bias"]


def train(start, images, labels, steps, device, precision):
    """Returns the losses of the steps of SGD with momentum, and the gradients of the first one."""
    dtype, tf32, cast = PRECISIONS[precision]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    p = {name: torch.tensor(v, dtype=dtype, device=device, requires_grad=True) for name, v in start.items() if "running" not in name}
    optimizer = torch.optim.SGD(p.values(), RATE, momentum=MOMENTUM)
    scale = 1024.0 if cast == torch.float16 else 1.0
    losses, first = [], {}
    for step in range(steps):
        at = step % BATCHES
        optimizer.zero_grad()
        with torch.autocast(device, dtype=cast) if cast else nullcontext():
            loss = F.cross_entropy(forward(images[at], p), labels[at])
        (loss * scale).backward()
        for v in p.values():
            v.grad /= scale
        first = first or {name: v.grad.double().cpu().numpy() for name, v in p.items()}
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses, np.float64), first


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    start = parameters(rng)
    image = rng.integers(0, 256, (BATCHES, BATCH, SIZE, SIZE, 3), dtype=np.uint8)
    label = rng.integers(0, CLASSES, (BATCHES, BATCH))
    images, labels = torch.tensor(image, device=options.device), torch.tensor(label, device=options.device)
    out = {"image": image, "label": label, "rate": np.array([RATE])} | {f"param/{name}": v for name, v in start.items()}
    for precision in PRECISIONS:
        losses, gradients = train(start, images, labels, options.steps, options.device, precision)
        out[f"{precision}/loss"] = losses
        out |= {f"{precision}/grad/{name}": v.astype(np.float32) for name, v in gradients.items()}
        print(f"{precision}: losses {losses[0]:.6f} to {losses[-1]:.6f}")
    np.savez(options.file, **out)


if __name__ == "__main__":
    main()

"""Makes the reference values for the tests of onnxlab's mixup and CutMix.

    python -m venv .venv && .venv/bin/pip install torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
    .venv/bin/python mix_vectors.py

writes mix.npz beside this file, using torchvision's MixUp and CutMix: a batch of images, the
mixed batch for each share, and the box and the share that CutMix computes for each centre.
"""

import pathlib
from unittest import mock

import numpy as np
import torch
from torchvision.transforms import v2

HERE = pathlib.Path(__file__).parent
LABELS = torch.zeros(5, dtype=torch.long)


def transformed(transform, images, **params):
    """Returns the mixed batch [n, h, w, 3] as float64, with the given parameters instead of drawn ones."""
    batch = torch.tensor(images).permute(0, 3, 1, 2).double()
    return transform.transform(batch, {"labels": LABELS, "batch_size": len(batch), **params}).permute(0, 2, 3, 1).numpy()


def box(height, width, share, row, column):
    """Returns the box and the share that CutMix computes if it draws this share and this centre."""
    cut = v2.CutMix(num_classes=2)
    cut._dist = mock.Mock(sample=lambda _: torch.tensor(share, dtype=torch.float64))
    drawn = iter((column, row))
    with mock.patch.object(torch, "randint", lambda *_, **__: torch.tensor([next(drawn)])):
        return cut.make_params([torch.zeros(1, 3, height, width)])


def main():
    rng = np.random.default_rng(6)
    images = rng.integers(0, 256, (5, 6, 9, 3), dtype=np.uint8)
    shares = np.float64([0.5, 0.7315, 0.999, 1])
    out = {"images": images, "shares": shares}
    out |= {f"mixup/{i}": transformed(v2.MixUp(num_classes=2), images, lam=s) for i, s in enumerate(shares)}
    draws, boxes = [], []
    for _ in range(60):
        height, width = rng.integers(1, 40, 2).tolist()
        draw = height, width, rng.uniform(0.5, 1), rng.integers(height).item(), rng.integers(width).item()
        params = box(*draw)
        draws.append(draw)
        boxes.append((*params["box"], params["lam_adjusted"]))
    out |= {"draws": np.float64(draws), "boxes": np.float64(boxes)}
    params = box(6, 9, 0.6, 3, 7)
    out |= {"cutmix": transformed(v2.CutMix(num_classes=2), images, **params).astype(np.uint8)}
    np.savez_compressed(HERE / "mix.npz", **out)


if __name__ == "__main__":
    main()

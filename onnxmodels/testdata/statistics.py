"""Makes statistics.npz: BatchNorm's running statistics, corrected and recalibrated.

    .venv/bin/python statistics.py

runs it in the environment of reference.py. Keys:

param/<name>             the initial parameters of the study's network with widths 4 and 6 and one convolution per stage
rate                     the learning rate of each of the seven steps
batch/<step>/image       uint8 [8, 8, 8, 3], batch/<step>/label int64 [8]
loss                     the loss of each step, before its update
corrected/<step>/<name>  PyTorch's running statistics after the step. With momentum=None it takes the plain mean over the
                         steps; once 1/n is below 1 - 0.75, after four of them, momentum is 0.25
final/<name>             the parameters after all steps, running statistics included
recalibrated/<name>      the statistics that fvcore's update_bn_stats, by the authors of "Rethinking 'Batch' in
                         BatchNorm", measures on all batches with the final parameters
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from fvcore.nn.precise_bn import update_bn_stats
from torch import nn

HERE = pathlib.Path(__file__).parent
WIDTHS, CLASSES, EPSILON, MOMENTUM = (4, 6), 10, 1e-3, 0.75
RATES = [0.1, 0.2, 0.05, 0.1, 0.1, 0.2, 0.1]


class Network(nn.Module):
    """The study's network, with onnxlab's names for its modules."""

    def __init__(self):
        super().__init__()
        channels = 3
        for i, width in enumerate(WIDTHS, 1):
            stage = nn.Module()
            stage.conv1 = nn.Conv2d(channels, width, 3, padding=1)
            stage.norm1 = nn.BatchNorm2d(width, eps=EPSILON, momentum=None)
            self.add_module(f"stage{i}", stage)
            channels = width
        self.dense = nn.Linear(channels, CLASSES)

    def forward(self, x):
        for i in range(1, len(WIDTHS) + 1):
            if i > 1:
                x = F.avg_pool2d(x, 2)
            stage = getattr(self, f"stage{i}")
            x = F.relu(stage.norm1(stage.conv1(x)))
        return self.dense(x.mean((2, 3)))

    def state(self, words):
        """Returns the parameters whose names contain one of the words, in onnxlab's form."""
        return {k: np.ascontiguousarray((v.T if k == "dense.weight" else v).detach().numpy(), np.float32)
                for k, v in self.state_dict().items() if any(w in k for w in words)}

    def norms(self):
        return [getattr(self, f"stage{i}").norm1 for i in range(1, len(WIDTHS) + 1)]


def planes(image):
    return torch.tensor(image).permute(0, 3, 1, 2).double() / 255


def main():
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    model = Network().double()
    with torch.no_grad():
        for norm in model.norms():
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.3)
            norm.running_mean.normal_(0, 3)  # these values must leave no trace
            norm.running_var.uniform_(5, 9)
    everything = ("weight", "bias", "running")
    for p in model.parameters():
        p.data = p.data.float().double()  # rounded to float32
    for norm in model.norms():
        norm.running_mean, norm.running_var = norm.running_mean.float().double(), norm.running_var.float().double()
    out = {f"param/{k}": v for k, v in model.state(everything).items()} | {"rate": np.float64(RATES)}
    velocity = {k: torch.zeros_like(p) for k, p in model.named_parameters()}
    images, losses = [], []
    for step, rate in enumerate(RATES):
        image, label = rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8), rng.integers(0, CLASSES, 8)
        images.append(planes(image))
        for norm in model.norms():
            norm.momentum = None if 1 / (step + 1) > 1 - MOMENTUM else 1 - MOMENTUM
        loss = F.cross_entropy(model(images[-1]), torch.tensor(label))
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for k, p in model.named_parameters():
                velocity[k] = 0.9 * velocity[k] - rate * p.grad
                p += velocity[k]
        losses.append(loss.item())
        out |= {f"batch/{step}/image": image, f"batch/{step}/label": label}
        out |= {f"corrected/{step}/{k}": v for k, v in model.state(["running"]).items()}
    out |= {"loss": np.float64(losses)} | {f"final/{k}": v for k, v in model.state(everything).items()}
    update_bn_stats(model, images, len(images))
    out |= {f"recalibrated/{k}": v for k, v in model.state(["running"]).items()}
    np.savez_compressed(HERE / "statistics.npz", **out)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

"""Makes networks.npz: one training step of networks of the literature, by torchvision in float64.

    python -m venv .venv && .venv/bin/pip install -r networks.txt
    .venv/bin/python networks.py

The networks are torchvision's own classes, with a fraction of their channels. Keys are <network>/<array>: image, label,
loss, correct; logits of the network as it began, by its running statistics; param/<name>, grad/<name> and, after the
step, stat/<name>, by onnxlab's names. It also prints how many parameters the networks have in full.
"""

import pathlib
import re

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

CLASSES, BATCH, SIDE = 10, 6, 48


class Scaled(ResNet):
    """torchvision's ResNet with a fraction of its channels."""

    def __init__(self, block, blocks, fraction):
        self.fraction = fraction
        super().__init__(block, blocks, num_classes=CLASSES)
        width = int(64 * fraction)
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.fc = nn.Linear(int(512 * fraction) * block.expansion, CLASSES)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        if planes == 64:
            self.inplanes = int(64 * self.fraction)
        return super()._make_layer(block, int(planes * self.fraction), blocks, stride, dilate)


class Padded(nn.Module):
    """The shortcut without parameters: every second pixel, and zeros for the further channels."""

    def __init__(self, channels, stride):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class Cifar(nn.Module):
    """The form of section 4.2 of He et al., of torchvision's blocks."""

    def __init__(self, n, fraction=1.0, classes=CLASSES):
        super().__init__()
        inputs = int(16 * fraction)
        self.conv1, self.bn1 = nn.Conv2d(3, inputs, 3, 1, 1, bias=False), nn.BatchNorm2d(inputs)
        for i, width in enumerate((16, 32, 64), 1):
            width, stride = int(width * fraction), 1 if i == 1 else 2
            first = BasicBlock(inputs, width, stride, None if i == 1 else Padded(width, stride))
            rest = [BasicBlock(width, width) for _ in range(n - 1)]
            setattr(self, f"layer{i}", nn.Sequential(first, *rest))
            inputs = width
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


# What names of torchvision's are in onnxlab, one after the other.
RESNET = [
    (r"^conv1", "stem.conv"),
    (r"^bn1", "stem.norm"),
    (r"^layer(\d+)\.(\d+)", lambda m: f"stage{m[1]}.block{int(m[2]) + 1}"),
    (r"downsample\.0", "shortcut.conv"),
    (r"downsample\.1", "shortcut.norm"),
    (r"\bbn(\d)", r"norm\1"),
    (r"^fc", "dense"),
]


def named(rules, tensors):
    """Arrays by onnxlab's names. The classifier's weight is [features, units] there."""
    out = {}
    for name, value in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        value = value.detach().numpy().astype(np.float32)
        out[name] = np.ascontiguousarray(value.T) if name == "dense.weight" else value
    return out


def randomise(model, seed):
    """Parameters and statistics that are nowhere trivial, in numbers that float32 holds."""
    rng = np.random.default_rng(seed)
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_var") or name.endswith("weight") and value.dim() == 1:
            drawn = rng.uniform(0.5, 1.5, value.shape)
            if name.endswith("bn3.weight"):
                drawn *= 0.3  # sixteen blocks that add as much as they are given magnify roundings
        elif value.dim() == 1:
            drawn = rng.normal(0, 0.3, value.shape)
        else:
            drawn = rng.normal(0, (2 / np.prod(value.shape[1:])) ** 0.5, value.shape)
        value.copy_(torch.tensor(drawn.astype(np.float32)))


def step(model, image, label, dtype):
    """The logits by running statistics, the loss, the logits in training and the gradients."""
    x = (torch.tensor(image).permute(0, 3, 1, 2).to(dtype) / 255)
    model.to(dtype).eval()
    with torch.no_grad():
        before = model(x)
    model.train()
    model.zero_grad()
    logits = model(x)
    loss = F.cross_entropy(logits, torch.tensor(label))
    loss.backward()
    return before, loss, logits, {k: v.grad.clone() for k, v in model.named_parameters()}


def case(name, model, rules):
    """The arrays of one network, of the first seed at which float32 arithmetic alone does not move its gradients: a
    value near the bend of a ReLU would."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        image = rng.integers(0, 256, (BATCH, SIDE, SIDE, 3), dtype=np.uint8)
        label = rng.integers(0, CLASSES, BATCH)
        randomise(model, seed)
        state = {k: v.clone() for k, v in model.state_dict().items()}
        single = step(model, image, label, torch.float32)[3]
        model.load_state_dict(state)
        before, loss, logits, gradients = step(model, image, label, torch.float64)
        if all((single[k] - v).square().sum() < 2e-5**2 * v.square().sum() for k, v in gradients.items()):
            break
    else:
        raise ValueError(f"{name}: no seed is fit")
    print(name, "of seed", seed)
    out = {"image": image, "label": label, "loss": np.float64([loss.item()]),
           "correct": np.int64([(logits.argmax(1).numpy() == label).sum()]), "logits": before.numpy().astype(np.float32)}
    out |= {f"param/{k}": v for k, v in named(rules, state).items()}
    out |= {f"grad/{k}": v for k, v in named(rules, gradients).items()}
    out |= {f"stat/{k}": v for k, v in named(rules, model.state_dict()).items() if "running" in k}
    return {f"{name}/{k}": v for k, v in out.items()}


def main():
    torch.set_num_threads(1)
    arrays = case("resnet-8", Cifar(1, 0.25), RESNET)
    arrays |= case("resnet-18", Scaled(BasicBlock, [2, 2, 2, 2], 1 / 16), RESNET)
    arrays |= case("resnet-50", Scaled(Bottleneck, [3, 4, 6, 3], 1 / 32), RESNET)
    np.savez_compressed(pathlib.Path(__file__).parent / "networks.npz", **arrays)
    full = {"resnet-20": Cifar(3), "resnet-56": Cifar(9), "resnet-110": Cifar(18)}
    full |= {name: getattr(torchvision.models, name)() for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")}
    for name, model in full.items():
        print(name, sum(p.numel() for p in model.parameters()))


if __name__ == "__main__":
    main()

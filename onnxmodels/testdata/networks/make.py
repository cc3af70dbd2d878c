"""Makes networks.npz: one training step of networks of the literature, computed by torchvision in float64.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make.py

The networks are torchvision's own classes, with a fraction of their channels. Keys are <network>/<array>: image, label,
loss, correct; the logits of the initial network with its running statistics; param/<name>, grad/<name> and, after the
step, stat/<name>, with onnxlab's names. It also prints the numbers of parameters of the networks in full size.
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
    """The shortcut without parameters: every second pixel, and zeros for the additional channels."""

    def __init__(self, channels, stride):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class Cifar(nn.Module):
    """The network of section 4.2 of He et al., made of torchvision's blocks."""

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


class Mobile(nn.Module):
    """torchvision's MobileNetV2 for small images: strides of 1 in the first convolution and in the second stage."""

    def __init__(self, fraction, activation):
        super().__init__()
        self.net = torchvision.models.mobilenet_v2(width_mult=fraction, num_classes=CLASSES, dropout=0)
        self.net.features[0][0].stride = (1, 1)
        block = self.net.features[2]
        for module in block.modules():
            if isinstance(module, nn.Conv2d):
                module.stride = (1, 1)
        block.use_res_connect = block.conv[0][0].in_channels == block.out_channels
        replace(self.net, nn.ReLU6, activation)

    def forward(self, x):
        return self.net(x)


class Study(nn.Module):
    """The study's network with strides instead of pools."""

    def __init__(self, widths, strides, activation):
        super().__init__()
        inputs, layers = 3, []
        for width, stride in zip(widths, strides):
            layers += [Same(inputs, width, 3, stride), nn.BatchNorm2d(width, 1e-3, 0.01), activation()]
            inputs = width
        self.features, self.fc = nn.Sequential(*layers), nn.Linear(inputs, CLASSES)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class Same(nn.Conv2d):
    """A convolution with Keras's padding "same", whose odd pixel is at the end."""

    def forward(self, x):
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


def replace(model, old, new):
    """Replaces activations of the old type by new ones."""
    for name, child in model.named_children():
        if isinstance(child, old):
            setattr(model, name, new())
        else:
            replace(child, old, new)


# The rules that turn torchvision's names into onnxlab's, applied in order.
RESNET = [
    (r"^conv1", "stem.conv"),
    (r"^bn1", "stem.norm"),
    (r"^layer(\d+)\.(\d+)", lambda m: f"stage{m[1]}.block{int(m[2]) + 1}"),
    (r"downsample\.0", "shortcut.conv"),
    (r"downsample\.1", "shortcut.norm"),
    (r"\bbn(\d)", r"norm\1"),
    (r"^fc", "dense"),
]


BLOCKS = [1, 2, 3, 4, 3, 3, 1]  # in each stage of MobileNetV2


def mobile_block(m):
    """Returns onnxlab's name for a part of torchvision's features 1 to 17."""
    stage, block = 1, int(m[1])
    while block > BLOCKS[stage - 1]:
        stage, block = stage + 1, block - BLOCKS[stage - 1]
    parts = ["expand.conv", "expand.norm", "depthwise.conv", "depthwise.norm", "project.conv", "project.norm"]
    if stage == 1:  # the first stage does not expand
        parts = parts[2:]
    place = {"0.0": 0, "0.1": 1, "1.0": 2, "1.1": 3, "1": -2, "2": -2, "3": -1}
    if stage == 1:
        place = {"0.0": 0, "0.1": 1, "1": 2, "2": 3}
    return f"stage{stage}.block{block}.{parts[place[m[2]]]}"


MOBILE = [
    (r"^net\.", ""),
    (r"^features\.0\.0", "stem.conv"),
    (r"^features\.0\.1", "stem.norm"),
    (r"^features\.18\.0", "last.conv"),
    (r"^features\.18\.1", "last.norm"),
    (r"^features\.(\d+)\.conv\.(\d(?:\.\d)?)(?=\.[a-z])", mobile_block),
    (r"^classifier\.1", "dense"),
]

STUDY = [
    (r"^features\.(\d+)", lambda m: f"stage{int(m[1]) // 3 + 1}.{['conv', 'norm'][int(m[1]) % 3]}1"),
    (r"^fc", "dense"),
]


def named(rules, tensors):
    """Returns the arrays with onnxlab's names. The classifier's weight is [features, units] there."""
    out = {}
    for name, value in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        value = value.detach().numpy().astype(np.float32)
        out[name] = np.ascontiguousarray(value.T) if name == "dense.weight" else value
    return out


# The last normalisations of bottlenecks and of MobileNetV2's blocks.
LAST_NORM = r"bn3\.weight|features\.\d+\.conv\.3\.weight|features\.1\.conv\.2\.weight"


def randomise(model, seed):
    """Draws parameters and statistics that are nowhere trivial and that float32 represents exactly."""
    rng = np.random.default_rng(seed)
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_var") or name.endswith("weight") and value.dim() == 1:
            drawn = rng.uniform(0.5, 1.5, value.shape)
            if re.search(LAST_NORM, name):
                drawn *= 0.3  # many blocks whose outputs are as large as their inputs would magnify rounding errors
        elif value.dim() == 1:
            drawn = rng.normal(0, 0.3, value.shape)
        else:
            drawn = rng.normal(0, (2 / np.prod(value.shape[1:])) ** 0.5, value.shape)
        value.copy_(torch.tensor(drawn.astype(np.float32)))


def step(model, image, label, dtype):
    """Returns the logits with running statistics, the loss, the logits in training and the gradients."""
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


def near(single, double, limit):
    """Returns whether a gradient is the same in float32, or is 0 except for rounding, as for a bias before a normalisation."""
    return (single - double).norm() < limit * double.norm() or double.norm() < 1e-9


def case(name, model, rules, limit=2e-5):
    """Returns the arrays of one network, for the first seed with which float32 arithmetic changes its gradients by less
    than the limit. A value near the kink of a ReLU would change them by more."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        image = rng.integers(0, 256, (BATCH, SIDE, SIDE, 3), dtype=np.uint8)
        label = rng.integers(0, CLASSES, BATCH)
        randomise(model, seed)
        state = {k: v.clone() for k, v in model.state_dict().items()}
        single = step(model, image, label, torch.float32)[3]
        model.load_state_dict(state)
        before, loss, logits, gradients = step(model, image, label, torch.float64)
        if all(near(single[k], v, limit) for k, v in gradients.items()):
            break
    else:
        raise ValueError(f"{name}: no seed is suitable")
    print(name, "with seed", seed)
    out = {"image": image, "label": label, "loss": np.float64([loss.item()]),
           "correct": np.int64([(logits.argmax(1).numpy() == label).sum()]), "logits": before.numpy().astype(np.float32)}
    out |= {f"param/{k}": v for k, v in named(rules, state).items()}
    out |= {f"grad/{k}": v for k, v in named(rules, gradients).items()}
    out |= {f"stat/{k}": v for k, v in named(rules, model.state_dict()).items() if "running" in k}
    return {f"{name}/{k}": v for k, v in out.items()}


ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "silu": nn.SiLU,
               "hard_swish": nn.Hardswish, "gelu": nn.GELU}


def outputs(model, rules, arrays, prefix):
    """Returns the logits, with running statistics, of another network for the image and the parameters of a case."""
    for name, value in model.state_dict().items():
        for ours in named(rules, {name: value}):
            kept = torch.tensor(arrays[f"{prefix}param/{ours}"])
            value.copy_(kept.T if ours == "dense.weight" else kept)
    x = torch.tensor(arrays[prefix + "image"]).permute(0, 3, 1, 2).double() / 255
    with torch.no_grad():
        return model.eval()(x).numpy().astype(np.float32)


def main():
    torch.set_num_threads(1)
    arrays = case("resnet-8", Cifar(1, 0.25), RESNET)
    arrays |= case("resnet-18", Scaled(BasicBlock, [2, 2, 2, 2], 1 / 16), RESNET)
    arrays |= case("resnet-50", Scaled(Bottleneck, [3, 4, 6, 3], 1 / 32), RESNET)
    # Gradients are compared with an activation without kinks: with ReLU6, float32 arithmetic alone changes those of
    # 53 layers by a hundredth and more. The outputs are the same.
    mobile = Mobile(1 / 8, nn.SiLU)
    arrays |= case("mobilenet", mobile, MOBILE, 1e-4)
    replace(mobile, nn.SiLU, nn.ReLU6)
    arrays["mobilenet/relu6"] = outputs(mobile, MOBILE, arrays, "mobilenet/")
    for name, activation in ACTIVATIONS.items():
        arrays |= case(f"cnn {name}", Study([4, 6, 8], [1, 2, 3], activation), STUDY)
    np.savez_compressed(pathlib.Path(__file__).parent / "networks.npz", **arrays)
    full = {"resnet-20": Cifar(3), "resnet-56": Cifar(9), "resnet-110": Cifar(18)}
    full |= {name: getattr(torchvision.models, name)() for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
                                                                       "mobilenet_v2")}
    for name, model in full.items():
        print(name, sum(p.numel() for p in model.parameters()))


if __name__ == "__main__":
    main()

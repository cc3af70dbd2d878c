"""The PyTorch models, with random weights from fixed keys."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
import torchvision.models as tv
from torch import nn

from models import draw

CLASSES = 10
BATCHES = (8, 6, 8)  # images of each batch; the batch axis of every file is open
CANDIDATES = (8, 6, 8, 6, 8, 8, 6, 8)  # images of each candidate, from which references.py chooses the batches


@dataclass(frozen=True)
class Entry:
    """A model, and the height and width of its images."""

    build: Callable[[], nn.Module]
    size: int = 64


def torchvision(name, size=64, **options):
    return Entry(lambda: getattr(tv, name)(num_classes=CLASSES, **options), size)


def vit():
    return tv.VisionTransformer(
        image_size=64, patch_size=16, num_layers=12, num_heads=12, hidden_dim=768, mlp_dim=3072, num_classes=CLASSES)


MODELS = {
    "resnet18": torchvision("resnet18"),
    "mobilenet_v2": torchvision("mobilenet_v2"),
    "densenet121": torchvision("densenet121"),
    "efficientnet_b0": torchvision("efficientnet_b0"),
    "vit_b_16": Entry(vit),
    "alexnet": torchvision("alexnet", 224),
    "squeezenet1_1": torchvision("squeezenet1_1"),
    "resnet50": torchvision("resnet50"),
    "inception_v3": torchvision("inception_v3", 75, aux_logits=False, init_weights=True),
    "mobilenet_v3_small": torchvision("mobilenet_v3_small"),
    "convnext_tiny": torchvision("convnext_tiny"),
    "swin_t": torchvision("swin_t"),
    "poolformer_s12": Entry(lambda: timm.create_model("poolformer_s12", num_classes=CLASSES)),
    "shufflenet_v2_x1_0": torchvision("shufflenet_v2_x1_0"),
    "vit_tiny": Entry(lambda: timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=CLASSES)),
}

# The files whose references are in the repository, and their forms.
RECORDED = {
    "resnet18": "inference",
    "mobilenet_v2": "training",
    "mobilenet_v3_small": "training",
    "shufflenet_v2_x1_0": "default",
    "vit_tiny": "default",
}

WITH_DROPOUT = "alexnet"  # also exported with its dropout


@dataclass(frozen=True)
class Draw:
    """How the values of a parameter are drawn."""

    key: str
    shape: tuple[int, ...]
    low: float
    high: float

    def array(self):
        return draw.uniform(self.key, self.shape, self.low, self.high)


def candidates(name):
    """Returns batches to choose from, each as its key, images and labels."""
    keys = {f"{name}/{i}": count for i, count in enumerate(CANDIDATES)}
    return [(key, *draw.batch(key, count, MODELS[name].size, CLASSES)) for key, count in keys.items()]


def example(name, count=2):
    """Returns images that are in none of the batches."""
    return torch.from_numpy(draw.batch(f"{name}/example", count, MODELS[name].size, CLASSES)[0])


def model(name, variant=0, dropout=False):
    """Returns the model in eval mode, and how its parameters were drawn, by name. Variants differ only in their weights;
    without dropout, all kinds of it are off."""
    torch.manual_seed(zlib.crc32(name.encode()) + variant)
    built = MODELS[name].build()
    if not dropout:
        switch_off_dropout(built)
    draws = {}
    with torch.no_grad():
        for prefix, module in built.named_modules():
            for parameter_name, parameter in module.named_parameters(prefix, recurse=False):
                low, high = limits(parameter, isinstance(module, nn.Linear))
                chosen = Draw(f"{name}/{variant}/{parameter_name}", tuple(parameter.shape), low, high)
                parameter.copy_(torch.from_numpy(chosen.array()))
                draws[parameter_name] = chosen
        settle(built, example(name, 16))
    return built.eval(), draws


def switch_off_dropout(built):
    """Switches off dropout, stochastic depth and dropout within attention, whose random numbers cannot be compared."""
    for module in built.modules():
        for name in ("p", "dropout", "drop_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


def limits(parameter, linear):
    """Returns limits between which values have the deviation of a new model's. Weights that are 0, 1 or very small in a
    new model get larger ones, so that errors in them show."""
    first = parameter.flatten()[0].item()
    constant = bool((parameter == first).all())
    if constant and first == 1:  # scales of normalisations
        return 0.7, 1.3
    if constant and first != 0:  # layer scales
        return 0.2, 0.6
    deviation = parameter.std().item()
    if deviation < 1e-4:  # biases and class tokens
        deviation = 0.1
    if linear and parameter.ndim == 2:
        least = (parameter.numel() / len(parameter)) ** -0.5
        deviation = least if constant or deviation < least / 2 else deviation
    high = round(deviation * 3**0.5, 4)
    return -high, high


def settle(built, data):
    """Gives each BatchNorm the statistics of some data, changed a little so that they are not exact."""
    norms = [m for m in built.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the average of all batches
    built.train()
    for part in data.split(8):
        built(part)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
        norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.2)
        for statistic in (norm.running_mean, norm.running_var):
            statistic.copy_(statistic.half())  # which takes little space in the repository
        norm.num_batches_tracked.zero_()

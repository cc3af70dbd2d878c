"""The PyTorch models, with random weights from fixed seeds."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import timm
import torch
import torchvision.models as tv
from torch import nn

CLASSES = 10
BATCHES = (8, 6, 8)  # images of each batch; the batch axis of every file is open
CANDIDATES = (8, 6, 8, 6, 8)  # images of each candidate, from which references.py chooses the batches


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
}

WITH_DROPOUT = "alexnet"  # also exported with its dropout


def seed_of(name, variant=0):
    return zlib.crc32(name.encode()) + variant


def images(seed, count, size):
    """Returns images [count, 3, size, size], float32, with mean 0 and deviation about 1: coarse shapes and noise."""
    draw = np.random.default_rng(seed)
    coarse = draw.standard_normal((count, 3, 8, 8), np.float32)
    shapes = nn.functional.interpolate(torch.from_numpy(coarse), (size, size), mode="bilinear").numpy()
    return (1.2 * shapes + 0.4 * draw.standard_normal((count, 3, size, size))).astype(np.float32)


def candidates(name, size):
    """Returns batches to choose from, as pairs of images and labels (int64)."""
    seed = seed_of(name)
    labels = np.random.default_rng(seed)
    return [(images([seed, i], count, size), labels.integers(0, CLASSES, count)) for i, count in enumerate(CANDIDATES)]


def model(name, variant=0, dropout=False):
    """Returns the model in eval mode. Variants differ only in their weights; without dropout, all kinds of it are off."""
    entry = MODELS[name]
    seed = seed_of(name, variant)
    torch.manual_seed(seed)
    built = entry.build()
    if not dropout:
        switch_off_dropout(built)
    with torch.no_grad():
        for module in built.modules():
            for parameter in module.parameters(recurse=False):
                enliven(parameter, isinstance(module, nn.Linear))
        settle(built, torch.from_numpy(images([seed, 99], 16, entry.size)))
    return built.eval()


def switch_off_dropout(built):
    """Switches off dropout, stochastic depth and dropout within attention, whose random numbers cannot be compared."""
    for module in built.modules():
        for name in ("p", "dropout", "drop_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


def enliven(parameter, linear):
    """Changes weights that are 0, 1 or very small in a new model, so that errors in them would not show."""
    first = parameter.flatten()[0].item()
    fan_in = parameter.numel() // len(parameter)
    if not (parameter == first).all():
        if linear and parameter.ndim == 2 and parameter.std() < 0.5 * fan_in**-0.5:
            parameter.mul_(fan_in**-0.5 / parameter.std())
    elif linear and parameter.ndim == 2:
        parameter.normal_(0, fan_in**-0.5)
    elif first == 0:  # biases, class tokens
        parameter.normal_(0, 0.1)
    elif first == 1:  # scales of normalisations
        parameter.uniform_(0.7, 1.3)
    else:  # layer scales
        parameter.uniform_(0.2, 0.6)


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
        norm.num_batches_tracked.zero_()

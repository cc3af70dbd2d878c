"""The network of configs/folder.yaml in PyTorch, with PyTorch's initial values and defaults
of BatchNorm (momentum 0.1, epsilon 1e-5), but the same images, epochs, batches and
augmentation. It is trained with the same SGD, or with Adam and its defaults."""

import math
import pathlib

import numpy
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

SIZE, WIDTHS, CONVOLUTIONS = 64, (16, 32, 64), 2
EPOCHS, BATCH = 60, 16
SHIFT = SIZE // 8


def read(folder):
    """Returns images as float [n, 3, SIZE, SIZE] in 0..1, and labels; each class has its own folder."""
    images, labels = [], []
    for label, name in enumerate(sorted(p.name for p in pathlib.Path(folder).iterdir())):
        for file in sorted(pathlib.Path(folder, name).iterdir()):
            image = Image.open(file).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            images.append(torch.from_numpy(numpy.array(image)).permute(2, 0, 1) / 255)
            labels.append(label)
    return torch.stack(images), torch.tensor(labels)


def network(classes):
    layers, channels = [], 3
    for stage, width in enumerate(WIDTHS):
        if stage:
            layers.append(nn.AvgPool2d(2))
        for _ in range(CONVOLUTIONS):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def augmented(images):
    """Shifts each image by up to SHIFT pixels in each direction, repeating its edges, and flips half of them."""
    padded = F.pad(images, (SHIFT,) * 4, mode="replicate")
    out = torch.empty_like(images)
    for i, image in enumerate(padded):
        row, column, flip = torch.randint(2 * SHIFT + 1, (2,)).tolist() + [torch.rand(1).item() < 0.5]
        cut = image[:, row:row + SIZE, column:column + SIZE]
        out[i] = cut.flip(2) if flip else cut
    return out


def sgd(model):
    """Returns the optimizer and the schedule of configs/folder.yaml."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 5e-4}, {"params": vectors}]
    return torch.optim.SGD(groups, 0.05, momentum=0.9), lambda progress: (1 + math.cos(math.pi * progress)) / 2


def adam(model):
    return torch.optim.Adam(model.parameters()), lambda progress: 1.0


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        share = (model(images).argmax(1) == labels).float().mean().item()
    model.train()
    return share


def train(train_set, validation_set, optimizer, seed, threads):
    """Trains, and returns the validation accuracy after the last epoch."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    images, labels = train_set
    model = network(len(labels.unique())).train()
    steps = len(images) // BATCH
    optimizer, rate = optimizer(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step / (EPOCHS * steps)))
    for _ in range(EPOCHS):
        for part in torch.randperm(len(images))[:steps * BATCH].split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(augmented(images[part])), labels[part]).backward()
            optimizer.step()
            schedule.step()
    return accuracy(model, *validation_set)

"""Measures how hard the synthetic set is, with logistic regression and a small CNN.

    pipeline data synth --out DIR --train 5000 --validation 2000
    python measure.py DIR

prints the validation accuracy of logistic regression on the pixels, and of the
study's network at a quarter of its width, trained with and without strong
augmentation. The accuracies depend a little on the machine's arithmetic.
"""

import argparse
import pathlib
import time

import numpy
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import nn

WIDTHS = (16, 32, 64)
BATCH = 128


def read(files):
    """Returns images as float [n, 3, 32, 32] in 0..1, and labels, from CIFAR-10 files."""
    records = numpy.concatenate([numpy.fromfile(f, numpy.uint8) for f in files]).reshape(-1, 3073)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(numpy.float32) / 255)
    return images, torch.from_numpy(records[:, 0].astype(numpy.int64))


def logistic_regression(train, validation):
    """Returns the best validation accuracy over several strengths of regularisation."""
    scores = []
    for strength in (1e-4, 1e-3, 1e-2, 1):
        model = LogisticRegression(C=strength, max_iter=200)
        model.fit(train[0].flatten(1).numpy() - 0.5, train[1].numpy())
        scores.append(model.score(validation[0].flatten(1).numpy() - 0.5, validation[1].numpy()))
    return max(scores)


def network():
    layers, channels = [], 3
    for stage, width in enumerate(WIDTHS):
        for _ in range(3):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width, eps=1e-3), nn.ReLU()]
            channels = width
        layers.append(nn.AdaptiveAvgPool2d(1) if stage == len(WIDTHS) - 1 else nn.AvgPool2d(2))
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, 10))
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return model.to(memory_format=torch.channels_last)


def uniform(n, reach):
    return (torch.rand(n) * 2 - 1) * reach


def augment(images):
    """Applies the study's strong augmentation: warp, flip, channel shift, erasing."""
    n = len(images)
    angle, rows, columns = uniform(n, numpy.pi / 18), 1 + uniform(n, 0.25), 1 + uniform(n, 0.25)
    columns = columns * torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    matrix = torch.stack([
        torch.stack([columns * angle.cos(), -rows * angle.sin(), uniform(n, 0.25)], 1),
        torch.stack([columns * angle.sin(), rows * angle.cos(), uniform(n, 0.25)], 1),
    ], 1)
    grid = F.affine_grid(matrix, images.shape, align_corners=False)
    out = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    out = out + uniform(n, 50 / 255).view(-1, 1, 1, 1)
    out = out.clamp(images.amin((1, 2, 3), True), images.amax((1, 2, 3), True))
    for image in out:
        if torch.rand(1) < 0.5:
            erase(image)
    return out


def erase(image):
    """Fills a box of 5..20 % of the image, wider than high, with one grey value."""
    area, aspect = 1024 * (0.05 + 0.15 * torch.rand(1).item()), 0.2 + 0.6 * torch.rand(1).item()
    height, width = int((area * aspect) ** 0.5), min(int((area / aspect) ** 0.5), 32)
    row, column = torch.randint(33 - height, (1,)).item(), torch.randint(33 - width, (1,)).item()
    image[:, row:row + height, column:column + width] = torch.rand(1).item()


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        guesses = torch.cat([model(part) for part in images.split(500)]).argmax(1)
    model.train()
    return (guesses == labels).float().mean().item()


def train_network(train, validation, epochs, strong, seed):
    """Trains with momentum SGD at the rate 0.1, divided by 10 after 60 % and again after 85 % of the epochs."""
    torch.manual_seed(seed)
    images, labels = (train[0].contiguous(memory_format=torch.channels_last), train[1])
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [int(0.6 * epochs), int(0.85 * epochs)])
    start, best = time.time(), 0.0
    for epoch in range(epochs):
        order = torch.randperm(len(images))
        for at in range(0, len(images) - BATCH + 1, BATCH):
            chosen = order[at:at + BATCH]
            batch = augment(images[chosen]) if strong else images[chosen]
            optimizer.zero_grad()
            F.cross_entropy(model(batch), labels[chosen]).backward()
            optimizer.step()
        schedule.step()
        last = accuracy(model, *validation)
        best = max(best, last)
        print(f"  epoch {epoch + 1:2}  validation {last:.4f}  {time.time() - start:5.0f} s", flush=True)
    return accuracy(model, images[:2000], labels[:2000]), last, best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", type=pathlib.Path, help="folder written by: pipeline data synth")
    parser.add_argument("--train", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip", nargs="*", default=[], choices=["logistic", "none", "strong"])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train = tuple(part[:args.train] for part in read(args.dir / f"data_batch_{k}.bin" for k in range(1, 6)))
    validation = read([args.dir / "test_batch.bin"])
    print(f"{len(train[0])} training and {len(validation[0])} validation images", flush=True)
    if "logistic" not in args.skip:
        print(f"logistic regression: validation {logistic_regression(train, validation):.4f}", flush=True)
    for name in ("none", "strong"):
        if name not in args.skip:
            fitted, last, best = train_network(train, validation, args.epochs, name == "strong", args.seed)
            print(f"network, augmentation {name}: train {fitted:.4f}, validation {last:.4f} (best {best:.4f})", flush=True)


if __name__ == "__main__":
    main()

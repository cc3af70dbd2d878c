"""Compares training the last layer of resnet18 on cached features with running all layers, and with PyTorch.

    bench/features/run.sh [--images 1000] [--epochs 10] [--seeds 1,2,3] [--rounds 3]

See README.md.
"""

import argparse
import copy
import csv
import json
import statistics
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy
import onnx
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[2]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE, CLASSES, BATCH, RATE, MOMENTUM = 64, 10, 50, 0.02, 0.9


def draw(folder, images, validation):
    """Writes scikit-learn's digits, 8x8 pixels in 17 greys, as a folder of PNG files of 64x64 pixels."""
    digits = load_digits()
    for i in range(images + validation):
        grey = (digits.images[i] * 255 / 16).round().astype(numpy.uint8)
        path = folder / ("train" if i < images else "validation") / str(digits.target[i]) / f"{i:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey.repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)).convert("RGB").save(path)
    return folder


def load(folder):
    """Returns the normalised images of a split, their labels, and their indices by the names of their files."""
    paths = sorted(folder.glob("*/*.png"))
    pixels = torch.tensor(numpy.stack([numpy.asarray(Image.open(path)) for path in paths]))
    images = (pixels.permute(0, 3, 1, 2).float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    return images, torch.tensor([int(path.parent.name) for path in paths]), {path.name: i for i, path in enumerate(paths)}


def order(seed, epochs, data, places):
    """Returns the indices of the training images in the order of each epoch."""
    command = ["go", "run", "./bench/features/order", "-data", data, "-seed", str(seed), "-epochs", str(epochs)]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [torch.tensor([places[Path(file).name] for file in line.split()]) for line in lines]


def build(seed, images):
    """Returns a resnet18 with random weights, whose running statistics are those of the images."""
    torch.manual_seed(seed)
    model = torchvision.models.resnet18(num_classes=CLASSES)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain mean over the batches, of which there is one
    with torch.no_grad():
        model(images[:256])
    for norm in norms:
        norm.momentum = 0.1
    return model.eval()


def export(model, path):
    """Exports the model for training, with its running statistics, which tracing would change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(copy.deepcopy(model), (torch.zeros(2, 3, SIDE, SIDE),), path, dynamo=False, opset_version=17, do_constant_folding=False,
                          training=torch.onnx.TrainingMode.TRAINING, input_names=["input"], output_names=["logits"],
                          dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
    exported, state = onnx.load(path), model.state_dict()
    for tensor in exported.graph.initializer:
        if "running" in tensor.name:
            tensor.CopyFrom(onnx.numpy_helper.from_array(state[tensor.name].numpy(), tensor.name))
    onnx.save(exported, path)


def onnxlab(pipeline, options, seed, data, model, out, epochs, *sets):
    """Trains in onnxlab, and returns the rows of its history."""
    settings = {
        "seed": seed, "model.kind": "onnx", "model.path": model, "model.normalize": "imagenet", "model.head": "keep",
        "data.source": "folder", "data.path": data, "data.size": SIDE, "augment.recipe": "none", "runtime.threads": options.threads,
        "train.epochs": epochs, "train.batch_size": BATCH, "optimizer.learning_rate": RATE, "optimizer.momentum": MOMENTUM,
        "schedule.kind": "constant", "schedule.scaling": "none", "model.batchnorm.statistics": "corrected",
    }
    command = [pipeline, "train", "--out", out]
    for setting in [f"{key}={value}" for key, value in settings.items()] + list(sets):
        command += ["--set", setting]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with open(out / "history.csv") as f:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(f)]


def peer(model, epochs, train, validation):
    """Trains the last layer in PyTorch on batches in this order, and returns the validation accuracy and the losses."""
    images, labels, _ = train
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in model.fc.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=RATE, momentum=MOMENTUM)
    losses = []
    for epoch in epochs:
        steps = [epoch[at:at + BATCH] for at in range(0, len(epoch) - BATCH + 1, BATCH)]
        total = 0.0
        for batch in steps:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(steps))
    with torch.no_grad():
        right = sum((model(part).argmax(1) == label).sum().item() for part, label in zip(validation[0].split(100), validation[1].split(100)))
    return right / len(validation[1]), losses


def compare(pipeline, options, folder, data, train, validation):
    """Returns the accuracies of each seed in onnxlab and in PyTorch."""
    rows = []
    for seed in options.seeds:
        model, path = build(seed, train[0]), folder / f"{seed}.onnx"
        export(model, path)
        ours = onnxlab(pipeline, options, seed, data, path, folder / f"run{seed}", options.epochs, "model.train=[head]", "train.cache_features=true")
        accuracy, losses = peer(model, order(seed, options.epochs, data, train[2]), train, validation)
        rows.append({"seed": seed, "onnxlab": ours[-1]["val_accuracy"], "pytorch": accuracy, "loss": ours[-1]["loss"], "pytorch_loss": losses[-1],
                     "largest_loss_difference": max(abs(row["loss"] - loss) / loss for row, loss in zip(ours, losses))})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def time(pipeline, options, folder, data):
    """Returns the seconds of an epoch on features and of one with the whole network, measured in turns."""
    seconds = {"features": [], "head": [], "whole": []}
    ways = {"features": (4, "model.train=[head]", "train.cache_features=true"), "head": (1, "model.train=[head]"), "whole": (1, "model.train=[all]", "model.batchnorm.mode=train")}
    for number in range(options.rounds):
        for way, (epochs, *sets) in ways.items():
            rows = onnxlab(pipeline, options, 1, data, folder / f"{options.seeds[0]}.onnx", folder / f"{way}{number}", epochs, *sets)
            seconds[way].append(statistics.median(row["seconds"] for row in rows))
        print(json.dumps({way: list[-1] for way, list in seconds.items()}), flush=True)
    return seconds


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000, help="training images")
    parser.add_argument("--validation", type=int, default=500, help="validation images")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of timing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pipeline", help="the pipeline binary, if it is already built")
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline = options.pipeline or folder / "pipeline"
        if not options.pipeline:
            subprocess.run(["go", "build", "-o", pipeline, "./pipeline"], cwd=ROOT, check=True)
        data = draw(folder / "images", options.images, options.validation)
        train, validation = load(data / "train"), load(data / "validation")
        compare(pipeline, options, folder, data, train, validation)
        seconds = time(pipeline, options, folder, data)
        median = {way: statistics.median(list) for way, list in seconds.items()}
        print(json.dumps({"median_seconds": median, "times_as_fast": median["whole"] / median["features"]}))


if __name__ == "__main__":
    main()

"""The training steps of step/torch_peer.py, fed by a DataLoader with the
transforms of albumentations or torchvision."""

import importlib
import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import torch
from torch.utils.data import DataLoader, Dataset

import serve
from step import torch_peer


class Augmented(Dataset):
    def __init__(self, images, labels, augment):
        self.images, self.labels, self.augment = images, labels, augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.augment(self.images[i]), self.labels[i]


def batches(data, options, workers):
    """Yields batches, epoch after epoch, from persistent workers."""
    loader = DataLoader(data, options.batch, shuffle=True, drop_last=True, num_workers=workers,
                        persistent_workers=workers > 0, pin_memory=options.device == "cuda")
    while True:
        for images, labels in loader:
            yield images if options.transforms == "torchvision" else images.permute(0, 3, 1, 2), labels


def main():
    options = serve.options(transforms=("albumentations", "torchvision"))
    step = torch_peer.trainer(options)
    images, labels = serve.epoch(options.batch)
    if options.transforms == "torchvision":
        images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    recipe = importlib.import_module(f"augment.recipe_{options.transforms}")
    data = Augmented(images, labels, recipe.compose("strong"))
    serve.serve(step, lambda workers: batches(data, options, workers))


if __name__ == "__main__":
    main()

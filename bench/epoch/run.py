"""Times training on augmented images in onnxlab, Keras and PyTorch, taking turns.

    bench/epoch/run.sh [--widths 16,32,64] [--batch 128] [--threads 2]

See README.md.
"""

from pathlib import Path

import turns

HERE = Path(__file__).resolve().parent
WORKERS = (0, 1, 2)  # of which each peer takes the number that is fastest


def commands(options, pipeline):
    """The command line of each contestant, by name."""
    def torch(transforms, *more):
        return turns.peer(HERE / "torch_peer.py", options, "--transforms", transforms, *more)

    return {
        turns.OURS: turns.ours(pipeline, options, "epoch", "--set", "augment.recipe=strong", "--set", "data.validation=1"),
        "keras": turns.peer(HERE / "keras_peer.py", options),
        "keras-xla": turns.peer(HERE / "keras_peer.py", options, "--compile"),
        "torch-albumentations": torch("albumentations"),
        "torch-torchvision": torch("torchvision"),
        "torch-compile-albumentations": torch("albumentations", "--compile"),
        "torch-compile-torchvision": torch("torchvision", "--compile"),
    }


if __name__ == "__main__":
    default = "onnxlab,keras,torch-albumentations,torch-torchvision,torch-compile-albumentations,torch-compile-torchvision"
    options = turns.parse(__doc__.splitlines()[0], commands, default, steps=4)
    turns.contest(options, commands, ["keras", "tensorflow", "torch", "albumentations", "opencv-python-headless", "torchvision"], WORKERS)

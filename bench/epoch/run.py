"""Times training on augmented images in onnxlab, Keras and PyTorch, taking turns.

    bench/epoch/run.sh [--widths 16,32,64] [--batch 128] [--threads 2] [--device cuda]

See README.md.
"""

from pathlib import Path

import turns

HERE = Path(__file__).resolve().parent
WORKERS = (0, 1, 2, 4, 8, 16)  # each peer uses the fastest of these numbers, up to the number of threads
CONTESTANTS = {  # by device
    "cpu": "onnxlab,keras,torch-albumentations,torch-torchvision,torch-compile-albumentations,torch-compile-torchvision",
    "cuda": "onnxlab,onnxlab-fp16,torch-albumentations,torch-torchvision,torch-compile-albumentations,torch-compile-torchvision,"
            "torch-bf16-albumentations,torch-bf16-torchvision,torch-compile-bf16-albumentations,torch-compile-bf16-torchvision",
}


def commands(options, pipeline):
    """Returns the command line of each contestant, by name."""
    epoch = ("epoch", "--set", "augment.recipe=strong", "--set", "data.validation=1")
    return {
        turns.OURS: turns.ours(pipeline, options, *epoch),
        **turns.mixed(pipeline, options, *epoch),
        **turns.keras(HERE / "keras_peer.py", options),
        **{f"{form}-{transforms}": turns.peer(HERE / "torch_peer.py", options, "--transforms", transforms, *more)
           for form, more in turns.TORCH.items() for transforms in ("albumentations", "torchvision")},
    }


if __name__ == "__main__":
    options = turns.parse(__doc__.splitlines()[0], commands, CONTESTANTS, steps=4)
    turns.contest(options, commands, [count for count in WORKERS if count <= options.threads])

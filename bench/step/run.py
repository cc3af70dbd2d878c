"""Times training steps of onnxlab, Keras and PyTorch, taking turns.

    bench/step/run.sh [--widths 16,32,64] [--batch 128] [--threads 2]

See README.md.
"""

from pathlib import Path

import turns

HERE = Path(__file__).resolve().parent


def commands(options, pipeline):
    """The command line of each contestant, by name."""
    return {
        turns.OURS: turns.ours(pipeline, options, "step", "--target", "native"),
        "onnxlab-portable": turns.ours(pipeline, options, "step", "--target", "portable"),
        "keras": turns.peer(HERE / "keras_peer.py", options),
        "keras-xla": turns.peer(HERE / "keras_peer.py", options, "--compile"),
        "torch": turns.peer(HERE / "torch_peer.py", options),
        "torch-compile": turns.peer(HERE / "torch_peer.py", options, "--compile"),
    }


if __name__ == "__main__":
    options = turns.parse(__doc__.splitlines()[0], commands, "onnxlab,keras,torch,torch-compile", steps=4)
    turns.contest(options, commands, ["keras", "tensorflow", "torch"])

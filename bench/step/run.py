"""Times training steps of onnxlab, Keras and PyTorch, taking turns.

    bench/step/run.sh [--widths 16,32,64] [--batch 128] [--threads 2] [--device cuda]
    bench/step/run.sh --model resnet18.onnx [--batch 32]

With --model, they train the model in an ONNX file. If the file does not exist, it is
exported from PyTorch, if zoo.py knows a model with its name. See README.md.
"""

from pathlib import Path

import turns
import zoo

HERE = Path(__file__).resolve().parent
CONTESTANTS = {  # by device
    "cpu": "onnxlab,keras,torch,torch-compile",
    "cuda": "onnxlab,onnxlab-fp16,torch,torch-compile,torch-bf16,torch-compile-bf16",
}


def commands(options, pipeline):
    """Returns the command line of each contestant, by name."""
    return {
        turns.OURS: turns.ours(pipeline, options, "step"),
        **turns.mixed(pipeline, options, "step"),
        "onnxlab-portable": turns.ours(pipeline, options, "step", "--target", "portable"),
        **({} if options.model else turns.keras(HERE / "keras_peer.py", options)),
        **{form: turns.peer(HERE / "torch_peer.py", options, *more) for form, more in turns.TORCH.items()},
    }


if __name__ == "__main__":
    options = turns.parse(__doc__.splitlines()[0], commands, CONTESTANTS, steps=4, models=True)
    if options.model and not Path(options.model).exists():
        zoo.write(Path(options.model))
    turns.contest(options, commands)

"""Exports PyTorch models to ONNX in the forms that people use."""

import contextlib
import io
import logging
import warnings

import torch

import zoo

# The forms of the exporter, by name.
#   training   legacy, TrainingMode.TRAINING: BatchNorm and Dropout as layers of training
#   inference  legacy, the usual form for inference: BatchNorm is folded into a Conv before it
#   default    what torch.onnx.export does today: torch.export, weights in NAME.onnx.data
#   dropout    like training, but with the model's own dropout: only to look at, without references
FORMS = ("training", "inference", "default")


def write(name, form, path, variant=0):
    """Exports a model of the zoo to the path, and returns how its parameters were drawn, by name."""
    model, draws = zoo.model(name, variant, dropout=form == "dropout")
    path.parent.mkdir(parents=True, exist_ok=True)
    with quiet():
        {"training": training, "dropout": training, "inference": inference, "default": default}[form](
            model, zoo.example(name), str(path))
    return draws


LEGACY = {
    "dynamo": False, "input_names": ["input"], "output_names": ["output"],
    "dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}},
}


def training(model, example, path):
    model.train()
    torch.onnx.export(
        model, (example,), path, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False,
        opset_version=17, **LEGACY)


def inference(model, example, path):
    torch.onnx.export(model, (example,), path, **LEGACY)


def default(model, example, path):
    torch.onnx.export(model, (example,), path, dynamic_shapes=({0: torch.export.Dim("batch")},))


@contextlib.contextmanager
def quiet():
    """Hides the exporters' progress and deprecation warnings; errors are exceptions."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)

"""Models that are timed from files: built in PyTorch and written as ONNX."""

import sys
import warnings
from pathlib import Path

import numpy as np

SIZE, CLASSES = 64, 10  # height and width of the images, classes


def small_vit():
    """Returns a vision transformer with 6 layers and 192 channels, on patches of 8x8 pixels."""
    from torchvision.models import VisionTransformer
    return VisionTransformer(
        image_size=SIZE, patch_size=8, num_layers=6, num_heads=6, hidden_dim=192, mlp_dim=768, num_classes=CLASSES)


def build(name):
    """Returns the model with this name, from here or torchvision, without its dropout."""
    import torch
    import torchvision
    torch.manual_seed(1)
    if name == "vit_small":
        model = small_vit()
    elif hasattr(torchvision.models, name):
        model = getattr(torchvision.models, name)(num_classes=CLASSES)
    else:
        sys.exit(f"{name}: neither bench/step/zoo.py nor torchvision has a model with this name")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0
    return model.train()


def write(path):
    """Exports the model after which the file is named, in training form and with an open batch axis."""
    import torch
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns that it is deprecated
        torch.onnx.export(
            build(path.stem), (torch.zeros(2, 3, SIZE, SIZE),), str(path), dynamo=False,
            training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False, opset_version=17,
            input_names=["input"], output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})


def read(path):
    """Returns the model after which a file from write is named, with the file's weights."""
    import onnx
    import torch
    path = Path(path)
    model = build(path.stem)
    weights = {t.name: np.copy(onnx.numpy_helper.to_array(t)) for t in onnx.load(path).graph.initializer}
    state = model.state_dict()
    missing = [name for name in state if name not in weights and "num_batches" not in name]
    if missing:
        sys.exit(f"{path}: {len(missing)} parameters of PyTorch's {path.stem} are not in the file, the first is {missing[0]}")
    model.load_state_dict({name: torch.from_numpy(weights[name]) if name in weights else state[name] for name in state})
    return model

"""Makes the models and the reference values in this folder, with PyTorch.

    pip install torch onnx onnxscript numpy
    python make.py

The models are a small classifier in the three forms that PyTorch exports: with the legacy exporter
for training and for inference, and with the default exporter, whose weights are in a separate file.
Two others, in the same forms, standardise the weights of convolutions, and have parameters that are equal.
references.npz has a batch of uint8 images with their labels and, in float64, the loss of each of three
steps of SGD with momentum that train every parameter, and the parameters and running statistics after
them; and the same with frozen batch normalisation, and with only the last layer trained. Of the others
it has the losses.
"""

import copy
import pathlib
import warnings

import numpy
import onnx
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
RATE, MOMENTUM, STEPS = 0.05, 0.9, 3


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.project = nn.Conv2d(8, 8, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(8, momentum=0.3)
        self.skip = nn.AvgPool2d(2)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = self.skip(x) + self.norm2(self.project(torch.relu(self.depthwise(x))))
        return self.head(x.mean((2, 3)))


class Standardised(nn.Conv2d):
    """A convolution with standardised weights (Qiao et al. 2019), computed as timm does: by the normalisation of a batch."""

    def __init__(self, *sizes, gain):
        super().__init__(*sizes)
        self.gain = nn.Parameter(torch.rand(self.out_channels) + 0.5) if gain else None

    def forward(self, x):
        rows = self.weight.reshape(1, self.out_channels, -1)
        weight = nn.functional.batch_norm(rows, None, None, weight=self.gain, training=True, momentum=0.0, eps=1e-6)
        return nn.functional.conv2d(x, weight.reshape_as(self.weight), self.bias)


class Standard(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Standardised(3, 8, 3, gain=True)
        self.project = Standardised(8, 8, 1, gain=False)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.project(torch.relu(self.stem(x)))
        return self.head(torch.relu(x).mean((2, 3)))


class Fresh(nn.Module):
    """A classifier as it is before it is trained: its biases are equal, and so are its normalisations."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(3))
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.head = nn.Linear(8, 5)
        for layer in self.layers:  # the default exporter would drop a bias of 0 of the stem
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        for norm, layer in zip(self.norms, self.layers):
            x = x + torch.tanh(layer(norm(x)))
        return self.head(x.mean(1))


def restore(path, model):
    """Gives the file the running statistics that the model had before tracing changed them."""
    exported, state = onnx.load(path), model.state_dict()
    for tensor in exported.graph.initializer:
        if "running" in tensor.name:
            tensor.CopyFrom(onnx.numpy_helper.from_array(state[tensor.name].numpy(), tensor.name))
    onnx.save(exported, path)


def forget_places(path):
    """Removes the source positions that PyTorch records for each operator."""
    exported = onnx.load(path, load_external_data=False)
    graph = exported.graph
    for part in [*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer, graph]:
        kept = [p for p in part.metadata_props if "stack_trace" not in p.key]
        del part.metadata_props[:]
        part.metadata_props.extend(kept)
    onnx.save(exported, path)


def export(model, name, optimize=True):
    image = torch.zeros(2, 3, 12, 12)
    names = {"input_names": ["input"], "output_names": ["logits"]}
    for form, mode in {"training": torch.onnx.TrainingMode.TRAINING, "inference": torch.onnx.TrainingMode.EVAL}.items():
        torch.onnx.export(
            copy.deepcopy(model), (image,), HERE / f"{name}_{form}.onnx", dynamo=False, opset_version=17, training=mode,
            do_constant_folding=mode == torch.onnx.TrainingMode.EVAL, dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}}, **names)
    restore(HERE / f"{name}_training.onnx", model)
    torch.onnx.export(
        model.eval(), (image,), HERE / f"{name}_default.onnx", dynamo=True, external_data=True, optimize=optimize,
        dynamic_shapes=({0: torch.export.Dim("n")},), **names)
    forget_places(HERE / f"{name}_default.onnx")


def train(model, images, labels, norms, only=None):
    """Trains, and returns the losses of the steps and the state after them."""
    model = copy.deepcopy(model).double().train(norms)
    trained = [p for name, p in model.named_parameters() if only is None or name.startswith(only)]
    optimizer = torch.optim.SGD(trained, lr=RATE, momentum=MOMENTUM)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    state = {k: v.numpy() for k, v in model.state_dict().items() if "num_batches" not in k}
    return losses, state


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    model = Small()
    with torch.no_grad():
        for norm in (model.norm, model.norm2):
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.5, 0.5)
            norm.running_mean.uniform_(-0.2, 0.2)
            norm.running_var.uniform_(0.5, 1.5)
    pixels = torch.randint(0, 256, (6, 12, 12, 3), dtype=torch.uint8)
    images = ((pixels.double() / 255 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)).permute(0, 3, 1, 2)
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    arrays = {"images": pixels.numpy(), "labels": labels.numpy()}
    arrays["logits"] = copy.deepcopy(model).double().eval()(images).detach().numpy()
    for name, options in {"all": (True,), "frozen": (False,), "head": (False, "head")}.items():
        losses, state = train(model, images, labels, *options)
        arrays[f"{name}.losses"] = numpy.array(losses)
        arrays.update({f"{name}.{key}": value for key, value in state.items()})
    standard = Standard()
    arrays["standard.losses"] = numpy.array(train(standard, images, labels, True)[0])
    fresh = Fresh()
    arrays["fresh.losses"] = numpy.array(train(fresh, images, labels, True)[0])
    numpy.savez_compressed(HERE / "references.npz", **arrays)
    export(model, "small")
    export(fresh, "fresh")
    export(standard, "standard", optimize=False)  # the optimizer would standardise such small weights itself


main()

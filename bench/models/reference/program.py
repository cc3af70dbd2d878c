"""Runs ONNX models as differentiable PyTorch programs, independently of onnxlab."""

from dataclasses import dataclass, field

import numpy as np
import onnx
import torch

import operators
from models import weights


@dataclass
class Use:
    """One place where a tensor is read."""

    operator: str
    operand: int
    node: str


@dataclass
class Norm:
    """A BatchNormalization: the names of its running statistics, and ONNX's momentum."""

    mean: str
    variance: str
    momentum: float
    trains: bool


@dataclass
class Constant:
    """A tensor of the file: an initializer, or the value of a Constant node, which has the name of its output."""

    value: np.ndarray
    kind: str  # initializer or Constant node
    uses: list[Use] = field(default_factory=list)

    @property
    def floating(self):
        return self.value.dtype.kind == "f"


class Program:
    """A model read from a file."""

    def __init__(self, path):
        model = onnx.load(path)  # with external data
        if model.functions:
            raise NotImplementedError(f"{path}: the model has its own functions")
        graph = model.graph
        self.opset = {entry.domain: entry.version for entry in model.opset_import}[""]
        self.constants = {
            name: Constant(value, "initializer" if initializer else "Constant node")
            for name, (value, initializer) in weights.constants(graph).items()}
        self.nodes = [operators.Node(n, self.opset) for n in graph.node if n.op_type != "Constant"]
        self.input = self._single_input(graph)
        self.output = graph.output[0].name
        self._note_uses()

    def _single_input(self, graph):
        inputs = [i for i in graph.input if i.name not in self.constants]
        if len(inputs) != 1:
            raise NotImplementedError(f"inputs {[i.name for i in inputs]}, but only one is supported")
        return inputs[0]

    def _note_uses(self):
        for node in self.nodes:
            for operand, name in enumerate(node.inputs):
                if name in self.constants:
                    self.constants[name].uses.append(Use(node.operator, operand, node.name))

    @property
    def logits(self):
        """The input of the loss: that of a final Softmax, or else the output."""
        last = {o: n for n in self.nodes for o in n.outputs}[self.output]
        return last.inputs[0] if last.operator == "Softmax" else self.output

    @property
    def norms(self):
        return [
            Norm(n.inputs[3], n.inputs[4], n.attributes.get("momentum", 0.9), bool(n.attributes.get("training_mode", 0)))
            for n in self.nodes if n.operator == "BatchNormalization"]

    def values(self, names, dtype):
        """Returns copies of the named constants as tensors, to be passed to run."""
        return {name: torch.tensor(self.constants[name].value, dtype=dtype) for name in names}

    def run(self, images, given, training):
        """Returns the logits of the images.

        given replaces constants of the file: parameters, which may require gradients, and running
        statistics, which a run with training updates in place if the node has training_mode.
        The whole computation has the type of the images, float32 or float64.
        """
        context = operators.Context(images.dtype, training)
        values = {"": None, self.input.name: images, **self._constants(images.dtype, given), **given}
        last_use = {name: i for i, node in enumerate(self.nodes) for name in node.inputs}
        for i, node in enumerate(self.nodes):
            results = operators.run(node, context, [values[name] for name in node.inputs])
            values.update(zip(node.outputs, results))
            if self.logits in node.outputs:
                return values[self.logits]
            for name in set(node.inputs):
                if name and last_use[name] == i:
                    del values[name]
        raise ValueError(f"no node gives {self.logits}")

    def _constants(self, dtype, given):
        converted = {}
        for name, constant in self.constants.items():
            if name not in given:
                tensor = torch.from_numpy(np.array(constant.value))
                converted[name] = tensor.to(dtype) if constant.floating else tensor
        return converted

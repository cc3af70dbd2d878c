"""The parts that the families of operators beside this file share: defining cases and writing them.

    python make.py          # with requirements.txt installed

writes FAMILY.npz for each FAMILY.py. A case consists of an ONNX node, a function of PyTorch that
computes the same, and some inputs. For each case, the archive has

    NAME/model              the model, as bytes
    NAME/in/INPUT           its inputs, in float32 or as integers
    NAME/out                the output of PyTorch, in float64
    NAME/dy                 the gradient with respect to the output, in float64
    NAME/grad/INPUT         the gradients with respect to the inputs, in float64
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

CASES = {}


@dataclass
class Case:
    model: onnx.ModelProto
    inputs: dict  # of arrays, by name
    function: object
    targets: list = field(default_factory=list)  # names of the inputs whose gradients are written


def values(*shape, seed=0, low=-2.0, high=2.0):
    """Returns random numbers between low and high, in float32."""
    rng = np.random.default_rng([seed, *shape])
    return rng.uniform(low, high, shape).astype(np.float32)


def apart(*shape, seed=0, step=0.05):
    """Returns numbers that differ by at least a step from each other and half a step from 0, so that
    rounding cannot change which one is the largest, or on which side of a kink one is."""
    n = int(np.prod(shape))
    rng = np.random.default_rng([seed, n])
    return (step * (rng.permutation(n) - n // 2 + 0.5)).astype(np.float32).reshape(shape)


def case(family, name, op, inputs, function, opset=17, constants=(), frozen=(), batch=True, outputs=1, domain="", **attributes):
    """Adds a case. inputs has arrays by their names, in the operator's order; None omits an input.
    Inputs named in constants are initializers of the model. Inputs named in frozen get no
    gradient, and neither do integers. function takes tensors, in float64 if they are floats, and returns
    one. With batch, the first dimension of the first input is open."""
    names = [n if a is not None else "" for n, a in inputs.items()]
    given = {n: np.array(a, order="C") for n, a in inputs.items() if a is not None}
    kind = {n: helper.np_dtype_to_tensor_dtype(a.dtype) for n, a in given.items()}
    node = helper.make_node(op, names, [f"y{i}" if i else "y" for i in range(outputs)], name="tested", domain=domain, **attributes)
    infos = []
    for i, (n, a) in enumerate(given.items()):
        shape = list(a.shape)
        if batch and i == 0 and shape:
            shape[0] = "batch"
        if n not in constants:
            infos.append(helper.make_tensor_value_info(n, kind[n], shape))
    graph = helper.make_graph(
        [node], "tested", infos, [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(given[n], n) for n in given if n in constants])
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    targets = [n for n, a in given.items() if a.dtype == np.float32 and n not in constants and n not in frozen]
    entry = f"{op}/{name}"
    assert entry not in CASES.setdefault(family, {}), f"{entry} occurs twice"
    CASES[family][entry] = Case(model, given, function, targets)


def write(family):
    archive = {}
    for name, c in CASES[family].items():
        tensors = {n: torch.tensor(a.astype(np.float64) if a.dtype == np.float32 else a) for n, a in c.inputs.items()}
        for n in c.targets:
            tensors[n].requires_grad_(True)
        y = c.function(*tensors.values())
        rng = np.random.default_rng(len(name))
        dy = rng.uniform(0.5, 1.5, tuple(y.shape))
        gradients = torch.autograd.grad(y, [tensors[n] for n in c.targets], torch.tensor(dy)) if c.targets else []
        archive[f"{name}/model"] = np.frombuffer(c.model.SerializeToString(), np.uint8)
        for i in c.model.graph.input:
            archive[f"{name}/in/{i.name}"] = c.inputs[i.name]
        archive[f"{name}/out"] = y.detach().contiguous().numpy()
        archive[f"{name}/dy"] = dy
        for n, g in zip(c.targets, gradients):
            archive[f"{name}/grad/{n}"] = g.contiguous().numpy()
    np.savez_compressed(f"{family}.npz", **archive)
    print(f"{family}: {len(CASES[family])} cases")

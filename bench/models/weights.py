"""Distinguishes an ONNX file's weights from its other constants: the model is exported twice with different weights."""

import numpy as np
import onnx
from onnx import helper, numpy_helper


def constant_value(node):
    """Returns the value of a Constant node."""
    attribute = node.attribute[0]
    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(value)
    return np.array(value, np.float32 if attribute.name.startswith("value_float") else np.int64)


def constants(graph):
    """Returns the constants of a graph by name, in its order: (value, whether it is an initializer)."""
    found = {t.name: (numpy_helper.to_array(t), True) for t in graph.initializer}
    return found | {n.output[0]: (constant_value(n), False) for n in graph.node if n.op_type == "Constant"}


def in_order(graph):
    """Returns the names of the constants in the order in which they are met on the way from the output back to the
    input. Exporters choose names and the order of nodes freely, but this order is the same for two exports."""
    producers = {output: node for node in graph.node for output in node.output}
    found, waiting, seen = [], [output.name for output in graph.output], set()
    known = constants(graph)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in known:
            found.append((name, known[name][0]))
        elif name in producers:
            waiting.extend(reversed(producers[name].input))
    return found


def differing(path, other):
    """Returns the names of the floating-point constants that differ between two exports, as they come from weights."""
    first, second = (in_order(onnx.load(p).graph) for p in (path, other))
    if [value.shape for _, value in first] != [value.shape for _, value in second]:
        raise ValueError(f"{path}: two exports of a model with different weights differ in more than weights")
    return [
        name for (name, value), (_, twin) in zip(first, second)
        if value.dtype.kind == "f" and not np.array_equal(value, twin)]

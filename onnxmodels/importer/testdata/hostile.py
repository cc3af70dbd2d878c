"""Makes the models in this folder that the importer must reject: shapes that grow without bounds, and a cycle.

    pip install onnx numpy
    python hostile.py
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent


def save(name, nodes, **constants):
    """Writes a classifier of 4 classes, in which the nodes compute y from x and the constants."""
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(value, key) for key, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, HERE / f"hostile_{name}.onnx")


def grown(name, node, **constants):
    """Writes a classifier that adds the sum of the node's output, c, to the logits."""
    save(name, [
        helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]), node, helper.make_node("ReduceSum", ["c"], ["r"], keepdims=0),
        helper.make_node("Cast", ["r"], ["sum"], to=TensorProto.FLOAT), helper.make_node("Add", ["m", "sum"], ["y"]),
    ], w=np.zeros((3, 4), np.float32), **constants)


grown("constant_of_shape", helper.make_node("ConstantOfShape", ["s"], ["c"]), s=np.array([1 << 16, 1 << 16]))
grown("expand", helper.make_node("Expand", ["one", "s"], ["c"]), one=np.ones(1, np.float32), s=np.array([1 << 20, 1 << 20]))
grown("tile", helper.make_node("Tile", ["one", "s"], ["c"]), one=np.ones((4, 4), np.float32), s=np.array([1 << 18, 1 << 18]))
grown("range", helper.make_node("Range", ["a", "b", "d"], ["c"]), a=np.array(0), b=np.array(1 << 40), d=np.array(1))
save("cycle", [
    helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Flatten", ["b"], ["y"])])

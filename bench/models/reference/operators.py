"""The ONNX operators in the files of the zoo, computed by PyTorch."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

TYPES = {
    TensorProto.INT64: torch.int64, TensorProto.INT32: torch.int32, TensorProto.BOOL: torch.bool,
    TensorProto.UINT8: torch.uint8, TensorProto.INT8: torch.int8,
}


class Context:
    """The type in which a run computes, and whether it trains."""

    def __init__(self, dtype, training):
        self.dtype = dtype
        self.training = training

    def type_of(self, onnx_type):
        return self.dtype if onnx_type in (TensorProto.FLOAT, TensorProto.DOUBLE) else TYPES[onnx_type]


class Node:
    """A node with its attributes as Python values."""

    def __init__(self, proto, opset):
        if proto.domain not in ("", "ai.onnx"):
            raise NotImplementedError(f"operator {proto.op_type} of domain {proto.domain}")
        self.name = proto.name
        self.operator = proto.op_type
        self.inputs = list(proto.input)
        self.outputs = list(proto.output)
        self.attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        self.opset = opset

    def get(self, name, default=None):
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value


TABLE = {}


def operator(*names):
    def enter(function):
        TABLE.update(dict.fromkeys(names, function))
        return function
    return enter


def run(node, context, operands):
    """Returns the outputs of a node."""
    if node.operator not in TABLE:
        raise NotImplementedError(f"operator {node.operator}")
    results = TABLE[node.operator](node, context, *operands)
    return results if isinstance(results, (tuple, list)) else (results,)


def elementwise(table):
    """Registers functions that depend only on the operands."""
    for name, function in table.items():
        TABLE[name] = lambda node, context, *x, function=function: function(*x)


def divide(a, b):
    return torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc")


def fold(function):
    """Turns an operator of two operands into one of any number."""
    def folded(first, *others):
        for other in others:
            first = function(first, other)
        return first
    return folded


elementwise({
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": divide, "Pow": torch.pow, "Sqrt": torch.sqrt,
    "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Log": torch.log, "Reciprocal": torch.reciprocal,
    "Erf": torch.erf, "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "HardSwish": F.hardswish,
    "Softplus": F.softplus, "Mish": F.mish, "MatMul": torch.matmul, "Identity": lambda x: x,
    "Sum": fold(torch.add), "Min": fold(torch.minimum), "Max": fold(torch.maximum),
    "Equal": torch.eq, "Less": torch.lt, "LessOrEqual": torch.le, "Greater": torch.gt, "GreaterOrEqual": torch.ge,
    "And": torch.logical_and, "Or": torch.logical_or, "Not": torch.logical_not, "Where": torch.where,
    "Floor": torch.floor, "Ceil": torch.ceil, "Range": lambda start, stop, step: torch.arange(
        start.item(), stop.item(), step.item(), dtype=start.dtype),
})


@operator("Mod")
def mod(node, context, a, b):
    return torch.fmod(a, b) if node.get("fmod", 0) else torch.remainder(a, b)


@operator("HardSigmoid")
def hard_sigmoid(node, context, x):
    return torch.clamp(x * node.get("alpha", 0.2) + node.get("beta", 0.5), 0, 1)


@operator("LeakyRelu")
def leaky_relu(node, context, x):
    return F.leaky_relu(x, node.get("alpha", 0.01))


@operator("Elu")
def elu(node, context, x):
    return F.elu(x, node.get("alpha", 1.0))


@operator("Gelu")
def gelu(node, context, x):
    return F.gelu(x, approximate=node.get("approximate", "none"))


@operator("Clip")
def clip(node, context, x, low=None, high=None):
    return torch.clamp(x, low, high)


@operator("Softmax")
def softmax(node, context, x):
    return torch.softmax(x, node.get("axis", -1))


@operator("LogSoftmax")
def log_softmax(node, context, x):
    return torch.log_softmax(x, node.get("axis", -1))


@operator("Dropout")
def dropout(node, context, x, ratio=None, training=None):
    if context.training and training is not None and training.item() and ratio.item() > 0:
        raise NotImplementedError("Dropout, whose random numbers no other program can reproduce")
    return x, torch.ones_like(x, dtype=torch.bool)


@operator("Gemm")
def gemm(node, context, a, b, c=None):
    a = a.T if node.get("transA", 0) else a
    b = b.T if node.get("transB", 0) else b
    product = node.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + node.get("beta", 1.0) * c


# Normalisations.


@operator("BatchNormalization")
def batch_normalization(node, context, x, scale, bias, mean, variance):
    trains = bool(node.get("training_mode", 0)) and context.training
    y = F.batch_norm(  # updates mean and variance in place, the latter with the unbiased variance
        x, mean, variance, scale, bias, trains, 1 - node.get("momentum", 0.9), node.get("epsilon", 1e-5))
    return y, mean, variance


@operator("LayerNormalization")
def layer_normalization(node, context, x, scale, bias=None):
    return F.layer_norm(x, x.shape[node.get("axis", -1):], scale, bias, node.get("epsilon", 1e-5))


@operator("InstanceNormalization")
def instance_normalization(node, context, x, scale, bias):
    return F.instance_norm(x, weight=scale, bias=bias, eps=node.get("epsilon", 1e-5))


@operator("GroupNormalization")
def group_normalization(node, context, x, scale, bias):
    groups = node.get("num_groups")
    if node.opset < 21:  # before opset 21, each group has one scale; since then, each channel has
        scale, bias = (t.repeat_interleave(x.shape[1] // groups) for t in (scale, bias))
    return F.group_norm(x, groups, scale, bias, node.get("epsilon", 1e-5))


# Sliding windows.


def window(node, shape, kernel):
    """Returns the padding of each spatial axis, (before, after, beyond), where beyond is what ceil_mode adds."""
    rank = len(kernel)
    strides, dilations = (node.get(name, [1] * rank) for name in ("strides", "dilations"))
    pads, auto = node.get("pads", [0] * (2 * rank)), node.get("auto_pad", "NOTSET")
    result = []
    for axis in range(rank):
        size, stride, reach = shape[2 + axis], strides[axis], dilations[axis] * (kernel[axis] - 1) + 1
        before, after, beyond = pads[axis], pads[axis + rank], 0
        if auto.startswith("SAME"):
            total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
            before = total // 2 if auto == "SAME_UPPER" else total - total // 2
            after = total - before
        if node.get("ceil_mode", 0):
            count = math.ceil((size + before + after - reach) / stride) + 1
            if (count - 1) * stride >= size + before:  # a window must begin within the image or its left padding
                count -= 1
            beyond = max((count - 1) * stride + reach - size - before - after, 0)
        result.append((before, after, beyond))
    return strides, dilations, result


def padded(x, padding, value=0.0):
    """Pads with the result of window; in PyTorch the last axis comes first."""
    flat = [n for before, after, beyond in reversed(padding) for n in (before, after + beyond)]
    return F.pad(x, flat, value=value) if any(flat) else x


@operator("Conv")
def conv(node, context, x, weight, bias=None):
    strides, dilations, padding = window(node, x.shape, weight.shape[2:])
    function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[x.ndim - 2]
    return function(padded(x, padding), weight, bias, strides, 0, dilations, node.get("group", 1))


@operator("MaxPool")
def max_pool(node, context, x):
    strides, dilations, padding = window(node, x.shape, node.get("kernel_shape"))
    return F.max_pool2d(padded(x, padding, -math.inf), node.get("kernel_shape"), strides, 0, dilations)


@operator("AveragePool")
def average_pool(node, context, x):
    kernel = node.get("kernel_shape")
    strides, dilations, padding = window(node, x.shape, kernel)
    if set(dilations) != {1}:
        raise NotImplementedError("AveragePool with dilations")
    counted = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype)
    if node.get("count_include_pad", 0):
        counted = padded(counted, [(before, after, 0) for before, after, _ in padding], 1.0)
        beyond = padded(counted, [(0, 0, beyond) for _, _, beyond in padding])
    else:
        beyond = padded(counted, padding)
    return F.avg_pool2d(padded(x, padding), kernel, strides) / F.avg_pool2d(beyond, kernel, strides)


@operator("GlobalAveragePool")
def global_average_pool(node, context, x):
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(node, context, x):
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


@operator("ReduceMean", "ReduceSum", "ReduceMax", "ReduceProd")
def reduce(node, context, x, axes=None):
    axes = node.get("axes") if axes is None else axes.tolist()
    if not axes and node.get("noop_with_empty_axes", 0):
        return x
    axes = tuple(axes or range(x.ndim))
    keep = bool(node.get("keepdims", 1))
    if node.operator == "ReduceProd":
        return x.prod(axes[0], keepdim=keep)
    return {"ReduceMean": torch.mean, "ReduceSum": torch.sum, "ReduceMax": torch.amax}[node.operator](
        x, axes, keepdim=keep)


# Shapes and indices.


@operator("Shape")
def shape(node, context, x):
    return torch.tensor(x.shape[node.get("start", 0):node.get("end")], dtype=torch.int64)


@operator("Size")
def size(node, context, x):
    return torch.tensor(x.numel())


@operator("Cast")
def cast(node, context, x):
    return x.to(context.type_of(node.get("to")))


@operator("CastLike")
def cast_like(node, context, x, like):
    return x.to(like.dtype)


@operator("ConstantOfShape")
def constant_of_shape(node, context, dimensions):
    value = node.get("value")
    fill = torch.zeros(1) if value is None else torch.from_numpy(np.array(numpy_helper.to_array(value)))
    dtype = context.dtype if fill.is_floating_point() else fill.dtype
    return torch.full(dimensions.tolist(), fill.item(), dtype=dtype)


@operator("Flatten")
def flatten(node, context, x):
    axis = node.get("axis", 1) % (x.ndim + 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


@operator("Reshape")
def reshape(node, context, x, dimensions):
    wanted = dimensions.tolist()
    if not node.get("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return torch.reshape(x, wanted)  # the method does not accept an empty list


@operator("Transpose")
def transpose(node, context, x):
    return x.permute(node.get("perm", list(range(x.ndim))[::-1]))


@operator("Squeeze")
def squeeze(node, context, x, axes=None):
    axes = node.get("axes") if axes is None else axes.tolist()
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


@operator("Unsqueeze")
def unsqueeze(node, context, x, axes=None):
    axes = node.get("axes") if axes is None else axes.tolist()
    rank = x.ndim + len(axes)
    for axis in sorted(a % rank for a in axes):
        x = x.unsqueeze(axis)
    return x


@operator("Expand")
def expand(node, context, x, dimensions):
    return x.expand(torch.broadcast_shapes(x.shape, tuple(dimensions.tolist())))


@operator("Tile")
def tile(node, context, x, repeats):
    return x.repeat(repeats.tolist())


@operator("Concat")
def concat(node, context, *x):
    return torch.cat(x, node.get("axis"))


@operator("Split")
def split(node, context, x, sizes=None):
    axis = node.get("axis", 0)
    sizes = node.get("split") if sizes is None else sizes.tolist()
    if sizes is None:
        sizes = math.ceil(x.shape[axis] / len(node.outputs))
    return x.split(sizes, axis)


@operator("Slice")
def slice_(node, context, x, starts=None, ends=None, axes=None, steps=None):
    if starts is None:
        starts, ends, axes = (torch.tensor(node.get(name)) for name in ("starts", "ends", "axes"))
    axes = range(len(starts)) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes, steps):
        places = range(x.shape[axis])[start:end if step > 0 or end >= -x.shape[axis] else None:step]
        x = x.index_select(axis, torch.tensor(places, dtype=torch.int64))
    return x


@operator("Gather")
def gather(node, context, x, indices):
    axis = node.get("axis", 0) % x.ndim
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    flat = x.index_select(axis, indices.reshape(-1))
    return torch.reshape(flat, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1:]))


@operator("GatherND")
def gather_nd(node, context, x, indices):
    if node.get("batch_dims", 0):
        raise NotImplementedError("GatherND with batch dimensions")
    return x[tuple(indices.unbind(-1))]


@operator("ScatterND")
def scatter_nd(node, context, x, indices, updates):
    return x.index_put(tuple(indices.unbind(-1)), updates)


@operator("Pad")
def pad(node, context, x, pads=None, value=None, axes=None):
    pads = node.get("pads") if pads is None else pads.tolist()
    axes = list(range(x.ndim)) if axes is None else [a % x.ndim for a in axes.tolist()]
    both = dict(zip(axes, zip(pads[:len(axes)], pads[len(axes):])))
    flat = [n for axis in reversed(range(x.ndim)) for n in both.get(axis, (0, 0))]
    mode = node.get("mode", "constant")
    fill = {} if mode != "constant" else {"value": 0.0 if value is None else value.item()}
    return F.pad(x, flat, mode={"edge": "replicate"}.get(mode, mode), **fill)


@operator("DepthToSpace")
def depth_to_space(node, context, x):
    if node.get("mode", "DCR") != "CRD":
        raise NotImplementedError("DepthToSpace in mode DCR")
    return F.pixel_shuffle(x, node.get("blocksize"))


@operator("Einsum")
def einsum(node, context, *x):
    return torch.einsum(node.get("equation"), *x)

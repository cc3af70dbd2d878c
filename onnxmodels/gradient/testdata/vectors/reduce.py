"""Reductions, softmax and normalisations."""

import numpy as np
import torch
import torch.nn.functional as F

from common import apart, case, values


def positive(*shape):
    return values(*shape, low=0.5, high=2.0)


def mean(x, axes, keep):
    return x.mean(tuple(axes), keepdim=keep) if axes else x.mean() if not keep else x.mean(tuple(range(x.dim())), keepdim=True)


def over(f):
    """Returns torch's f as a reduction over axes, or over all dimensions."""
    def reduce(x, axes, keep):
        axes = tuple(axes) if axes else tuple(range(x.dim()))
        return f(x, axes, keep)
    return reduce


def product(x, axes, keep):
    for axis in sorted((a % x.dim() for a in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


REDUCTIONS = {
    "ReduceSum": (over(lambda x, a, k: x.sum(a, keepdim=k)), values),
    "ReduceMean": (over(lambda x, a, k: x.mean(a, keepdim=k)), values),
    "ReduceMax": (over(lambda x, a, k: x.amax(a, keepdim=k)), apart),
    "ReduceMin": (over(lambda x, a, k: x.amin(a, keepdim=k)), apart),
    "ReduceProd": (over(product), positive),
    "ReduceL1": (over(lambda x, a, k: x.abs().sum(a, keepdim=k)), apart),
    "ReduceL2": (over(lambda x, a, k: x.square().sum(a, keepdim=k).sqrt()), values),
    "ReduceLogSum": (over(lambda x, a, k: x.sum(a, keepdim=k).log()), positive),
    "ReduceLogSumExp": (over(lambda x, a, k: x.logsumexp(a, keepdim=k)), apart),
    "ReduceSumSquare": (over(lambda x, a, k: x.square().sum(a, keepdim=k)), values),
}
for op, (f, make) in REDUCTIONS.items():
    for axes, keep in [((1,), 1), ((-1,), 0), ((2, 3), 0), ((1, 2), 1), ((0,), 0), (None, 0)]:
        shape = (2, 3, 4, 5) if op != "ReduceProd" else (2, 2, 2, 3)
        where = "all" if axes is None else " ".join(map(str, axes))
        kept = "kept" if keep else "dropped"
        function = lambda x, *_, f=f, axes=axes, keep=keep: f(x, axes, bool(keep))
        batch = axes is None or 0 not in axes
        attributes = {"keepdims": keep} | ({"axes": axes} if axes else {})
        if op != "ReduceSum":
            case("reduce", f"{where} {kept}", op, {"x": make(*shape)}, function, batch=batch, **attributes)
        inputs = {"x": make(*shape)} | ({"axes": np.array(axes)} if axes else {})
        case("reduce", f"{where} {kept}, opset 18", op, inputs, function, opset=18, batch=batch, constants=("axes",), keepdims=keep)

case("reduce", "zeros", "ReduceL2", {"x": values(3, 4) * np.array([[1], [0], [1]], np.float32)},
     lambda x: torch.linalg.vector_norm(x, dim=1), axes=(1,), keepdims=0)

for op, f in {"Softmax": F.softmax, "LogSoftmax": F.log_softmax}.items():
    for axis in (-1, 1, 2):
        case("reduce", f"axis {axis}", op, {"x": values(2, 3, 4)}, lambda x, f=f, a=axis: f(x, a), axis=axis)
    case("reduce", "rows of opset 11", op, {"x": values(2, 3, 4)},
         lambda x, f=f: f(x.flatten(1), 1).reshape(x.shape), opset=11, axis=1)


def layer_norm(x, scale, bias=None, axis=-1, epsilon=1e-5):
    return F.layer_norm(x, x.shape[axis:], scale, bias, epsilon)


case("reduce", "last", "LayerNormalization", {"x": values(2, 5, 8), "scale": values(8), "bias": values(8, seed=1)}, layer_norm)
case("reduce", "without bias", "LayerNormalization", {"x": values(2, 5, 8), "scale": values(8)}, layer_norm, epsilon=1e-5)
case("reduce", "several dimensions", "LayerNormalization", {"x": values(2, 3, 4, 5), "scale": values(4, 5), "bias": values(4, 5, seed=1)},
     lambda x, s, b: layer_norm(x, s, b, -2, 1e-3), axis=2, epsilon=1e-3)
case("reduce", "images", "InstanceNormalization", {"x": values(2, 3, 4, 5), "scale": values(3), "bias": values(3, seed=1)},
     lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=1e-5))
case("reduce", "rows", "InstanceNormalization", {"x": values(2, 3, 7), "scale": values(3), "bias": values(3, seed=1)},
     lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=1e-3), epsilon=1e-3)
case("reduce", "two groups", "GroupNormalization", {"x": values(2, 6, 4, 3), "scale": values(6), "bias": values(6, seed=1)},
     lambda x, s, b: F.group_norm(x, 2, s, b), opset=21, num_groups=2)
case("reduce", "scales of groups", "GroupNormalization", {"x": values(2, 6, 4, 3), "scale": values(2), "bias": values(2, seed=1)},
     lambda x, s, b: F.group_norm(x, 2) * s.repeat_interleave(3)[:, None, None] + b.repeat_interleave(3)[:, None, None], opset=18, num_groups=2)
case("reduce", "last", "RMSNormalization", {"x": values(2, 5, 8), "scale": values(8)},
     lambda x, s: F.rms_norm(x, (8,), s, 1e-5), opset=23)
for p in (1, 2):
    case("reduce", f"p {p}", "LpNormalization", {"x": values(2, 5, 4)}, lambda x, p=p: x / x.norm(p, dim=1, keepdim=True), axis=1, p=p)
case("reduce", "images", "MeanVarianceNormalization", {"x": values(2, 3, 4, 5)},
     lambda x: (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True).sqrt() + 1e-9), opset=13)


def batch_norm(x, scale, bias, mean, variance):
    """Does what F.batch_norm does, which has no gradients with respect to the statistics."""
    column = (-1, *[1] * (x.dim() - 2))
    factor = scale / (variance + 1e-5).sqrt()
    return (x - mean.reshape(column)) * factor.reshape(column) + bias.reshape(column)


for name, shape, opset in [("images", (2, 3, 4, 5), 15), ("images of opset 9", (2, 3, 4, 5), 9), ("vectors", (4, 3), 15), ("rows", (2, 3, 7), 15), ("volumes", (2, 3, 2, 3, 2), 15)]:
    case("reduce", name, "BatchNormalization",
         {"x": values(*shape), "scale": values(3), "bias": values(3, seed=1), "mean": values(3, seed=2), "variance": positive(3)},
         batch_norm, opset=opset)

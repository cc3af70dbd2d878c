"""Convolutions and pools of images with one, two and three dimensions."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F

from common import apart, case, values


def padded(x, pads, value=0.0):
    """Returns x with ONNX's pads: those before all axes, then those behind."""
    n = len(pads) // 2
    order = [p for i in reversed(range(n)) for p in (pads[i], pads[n + i])]
    return F.pad(x, order, value=value)


def conv(name, shape, filters, kernel, group=1, bias=False, opset=17, dilations=None, strides=None, pads=None, given=True, **attributes):
    n = len(kernel)
    d, s, p = dilations or [1] * n, strides or [1] * n, pads or [0] * (2 * n)
    f = [F.conv1d, F.conv2d, F.conv3d][n - 1]
    if dilations:
        attributes["dilations"] = dilations
    if strides:
        attributes["strides"] = strides
    if pads and given:
        attributes["pads"] = pads
    if group > 1:
        attributes["group"] = group
    inputs = {"X": values(*shape), "W": values(filters, shape[1] // group, *kernel)}
    if bias:
        inputs["B"] = values(filters)
    case("window", name, "Conv", inputs,
         lambda x, w, b=None: f(padded(x, p), w, b, stride=s, dilation=d, groups=group), opset=opset, **attributes)


conv("same", (2, 3, 5, 6), 4, (3, 3), pads=[1, 1, 1, 1], bias=True, kernel_shape=[3, 3])
conv("asymmetric", (2, 2, 6, 5), 3, (3, 2), pads=[0, 1, 2, 0], strides=[2, 1])
conv("dilated", (2, 2, 8, 7), 3, (3, 2), dilations=[2, 3], pads=[2, 1, 1, 2], bias=True)
conv("groups", (2, 6, 5, 4), 4, (3, 3), group=2, pads=[1, 1, 1, 1], strides=[2, 2], bias=True)
conv("groups, dilated, asymmetric", (3, 4, 7, 6), 8, (2, 3), group=4, pads=[0, 1, 1, 2], dilations=[2, 1])
conv("depthwise", (2, 5, 6, 6), 5, (3, 3), group=5, pads=[1, 1, 1, 1], bias=True)
conv("depthwise, stride 2", (2, 4, 7, 6), 4, (3, 3), group=4, pads=[0, 0, 1, 1], strides=[2, 2])
conv("depthwise, twice the channels", (2, 3, 5, 5), 6, (3, 3), group=3, pads=[1, 1, 1, 1])
conv("same upper", (2, 2, 6, 5), 2, (3, 4), pads=[0, 1, 1, 2], strides=[2, 2], given=False, auto_pad="SAME_UPPER")
conv("same lower", (2, 2, 6, 5), 2, (3, 4), pads=[1, 2, 0, 1], strides=[2, 2], given=False, auto_pad="SAME_LOWER", opset=11)
conv("valid", (1, 2, 6, 5), 2, (3, 2), strides=[1, 2], auto_pad="VALID", opset=7)
conv("line", (3, 2, 9), 4, (3,), pads=[1, 2], bias=True)
conv("line, groups", (2, 4, 9), 6, (2,), group=2, strides=[3], dilations=[2])
conv("volume", (2, 2, 4, 5, 3), 3, (2, 3, 2), pads=[1, 0, 0, 0, 1, 1], strides=[1, 2, 1], bias=True)
conv("volume, groups", (2, 4, 4, 3, 5), 4, (3, 1, 2), group=2, dilations=[1, 2, 2], pads=[1, 1, 1, 1, 0, 1])
conv("depthwise volume", (1, 3, 3, 4, 3), 3, (2, 2, 2), group=3, opset=22)
conv("pointwise", (2, 6, 3, 3), 4, (1, 1))


def transposed(name, shape, filters, kernel, group=1, bias=False, cut=None, extra=None, opset=17, dilations=None, strides=None, pads=None, given=True, **attributes):
    """Adds a case. filters is the number of all groups together; cut has the pads that are cut off."""
    n = len(kernel)
    d, s, p, e = dilations or [1] * n, strides or [1] * n, cut or pads or [0] * (2 * n), extra or [0] * n
    f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][n - 1]
    if dilations:
        attributes["dilations"] = dilations
    if strides:
        attributes["strides"] = strides
    if pads:
        attributes["pads"] = pads
    if extra and given:
        attributes["output_padding"] = extra
    if group > 1:
        attributes["group"] = group
    inputs = {"X": values(*shape), "W": values(shape[1], filters // group, *kernel)}
    if bias:
        inputs["B"] = values(filters)

    def function(x, w, b=None):
        y = padded(f(x, w, None, stride=s, dilation=d, groups=group), [0] * n + e)
        y = padded(y, [-v for v in p])
        return y if b is None else y + b.reshape(-1, *[1] * n)

    case("window", name, "ConvTranspose", inputs, function, opset=opset, **attributes)


transposed("plain", (2, 3, 4, 3), 2, (3, 2), bias=True)
transposed("strides", (2, 3, 4, 3), 4, (3, 3), strides=[2, 2], pads=[1, 1, 1, 1], extra=[1, 1], bias=True)
transposed("asymmetric", (2, 2, 3, 4), 3, (3, 4), strides=[2, 3], pads=[0, 2, 1, 1])
transposed("groups", (2, 6, 3, 3), 4, (2, 3), group=2, strides=[2, 1], bias=True)
transposed("depthwise", (2, 4, 3, 4), 4, (3, 3), group=4, strides=[2, 2], pads=[1, 1, 1, 1], dilations=[1, 2])
transposed("dilated", (1, 2, 4, 4), 2, (3, 2), dilations=[2, 3], opset=11)
transposed("more than a stride", (2, 2, 3, 3), 2, (2, 2), dilations=[3, 2], strides=[2, 1], extra=[2, 1])
transposed("shape", (2, 2, 3, 3), 2, (3, 3), strides=[3, 2], extra=[1, 0], cut=[0, 1, 0, 0], given=False, output_shape=[10, 6])
transposed("same upper", (2, 2, 3, 4), 2, (3, 3), strides=[2, 2], cut=[0, 0, 1, 1], auto_pad="SAME_UPPER")
transposed("same lower", (2, 2, 3, 4), 2, (3, 3), strides=[2, 2], cut=[1, 1, 0, 0], auto_pad="SAME_LOWER")
transposed("line", (2, 3, 5), 2, (3,), strides=[2], pads=[1, 0], extra=[1], bias=True)
transposed("volume", (2, 2, 2, 3, 2), 2, (2, 3, 2), strides=[2, 1, 2], pads=[0, 1, 0, 1, 1, 0], bias=True)


def folded(name, channels, image, block, **options):
    """Adds a case of Col2Im, which PyTorch calls fold. Its pads are equal before and behind."""
    count = F.unfold(torch.zeros(1, 1, *image), block, **options).shape[2]
    names = {"dilation": "dilations", "padding": "pads", "stride": "strides"}
    attributes = {names[key]: list(value) * (2 if key == "padding" else 1) for key, value in options.items()}
    inputs = {"input": values(2, channels * block[0] * block[1], count), "image_shape": np.array(image), "block_shape": np.array(block)}
    case("window", name, "Col2Im", inputs, lambda x, *_: F.fold(x, image, block, **options), opset=18,
         constants=("image_shape", "block_shape"), **attributes)


folded("tiles", 3, (4, 6), (2, 3), stride=(2, 3))
folded("overlapping", 2, (5, 4), (3, 3), padding=(1, 1), stride=(2, 1))
folded("dilated, a rest", 2, (7, 6), (2, 2), dilation=(3, 2), stride=(2, 3), padding=(0, 1))


def pool(op, name, shape, kernel, ceil=False, counted=False, opset=17, dilations=None, strides=None, pads=None, given=True, **attributes):
    """Adds a case, computed window by window, because PyTorch's own pools have fewer options."""
    n = len(kernel)
    d, s, p = dilations or [1] * n, strides or [1] * n, pads or [0] * (2 * n)
    attributes["kernel_shape"] = list(kernel)
    if dilations:
        attributes["dilations"] = dilations
    if strides:
        attributes["strides"] = strides
    if pads and given:
        attributes["pads"] = pads
    if ceil:
        attributes["ceil_mode"] = 1
    if counted:
        attributes["count_include_pad"] = 1

    def windows(i):
        """Returns, for each window in dimension i, its part inside the image and the number of elements that count."""
        size = shape[2 + i]
        free = size + p[i] + p[n + i] - (kernel[i] - 1) * d[i] - 1
        count = free // s[i] + 1
        if ceil and free % s[i] and count * s[i] < size + p[i]:
            count += 1
        for o in range(count):
            at = [o * s[i] - p[i] + k * d[i] for k in range(kernel[i])]
            inside = [a for a in at if 0 <= a < size]
            yield inside, sum(a < size + p[n + i] for a in at) if counted else len(inside)

    def function(x):
        lists, out = [list(windows(i)) for i in range(n)], []
        for window in itertools.product(*lists):
            part = x
            for i, (inside, _) in enumerate(window):
                part = part.index_select(2 + i, torch.tensor(inside))
            part = part.flatten(2)
            out.append(part.max(-1).values if op == "MaxPool" else part.sum(-1) / math.prod(c for _, c in window))
        return torch.stack(out, -1).reshape(*shape[:2], *map(len, lists))

    case("window", name, op, {"X": apart(*shape)}, function, opset=opset, **attributes)


pool("AveragePool", "tiles", (2, 3, 4, 6), (2, 3), strides=[2, 3])
pool("MaxPool", "tiles", (2, 3, 4, 4), (2, 2), strides=[2, 2], opset=8)
pool("AveragePool", "tiles with a rest", (2, 2, 5, 7), (2, 2), strides=[2, 2], opset=7)
pool("AveragePool", "by 1, padded", (2, 3, 4, 5), (3, 3), pads=[1, 1, 1, 1])
pool("AveragePool", "by 1, asymmetric", (2, 2, 5, 4), (3, 2), pads=[2, 0, 1, 1])
pool("AveragePool", "ceil that is cut", (2, 2, 5, 5), (1, 1), strides=[3, 3], ceil=True)
pool("AveragePool", "same lower", (2, 2, 6, 6), (3, 2), strides=[2, 1], pads=[1, 1, 0, 0], given=False, auto_pad="SAME_LOWER")
pool("MaxPool", "same upper", (2, 2, 5, 6), (3, 2), strides=[2, 1], pads=[1, 0, 1, 1], given=False, auto_pad="SAME_UPPER")
pool("AveragePool", "gaps", (2, 2, 7, 5), (2, 1), strides=[3, 2])
pool("MaxPool", "gaps", (2, 2, 7, 5), (2, 1), strides=[3, 2])
pool("AveragePool", "counted pads", (2, 2, 5, 6), (3, 3), strides=[2, 1], pads=[1, 1, 1, 2], counted=True)
pool("AveragePool", "counted pads, by 1", (2, 2, 5, 4), (3, 3), pads=[1, 1, 1, 1], counted=True)
pool("AveragePool", "counted pads, ceil", (2, 2, 6, 7), (3, 3), strides=[2, 3], pads=[1, 1, 1, 1], counted=True, ceil=True)
pool("AveragePool", "counted pads, larger than the image", (2, 2, 3, 4), (8, 7), strides=[8, 7], counted=True, ceil=True)
pool("AveragePool", "counted pads, larger than the padded image", (2, 2, 3, 4), (8, 7), strides=[8, 7], pads=[1, 0, 2, 1], counted=True, ceil=True)
pool("AveragePool", "volume, counted pads", (2, 2, 3, 4, 3), (2, 2, 3), pads=[1, 1, 1, 0, 1, 1], counted=True)
pool("AveragePool", "volume, tiles", (2, 2, 4, 2, 6), (2, 1, 3), strides=[2, 1, 3])
pool("AveragePool", "dilated, counted pads, ceil", (2, 2, 8, 7), (2, 2), dilations=[2, 3], strides=[3, 2], pads=[1, 1, 1, 1], counted=True, ceil=True, opset=22)
for op, opset in (("AveragePool", 19), ("MaxPool", 12)):
    pool(op, "overlapping, asymmetric", (2, 2, 7, 8), (3, 3), strides=[2, 2], pads=[0, 1, 1, 0])
    pool(op, "ceil", (2, 2, 6, 7), (3, 2), strides=[2, 2], ceil=True)
    pool(op, "ceil, padded", (2, 2, 6, 5), (3, 3), strides=[2, 2], pads=[1, 1, 1, 1], ceil=True, opset=10)
    pool(op, "ceil, larger than the image", (2, 2, 3, 4), (7, 4), strides=[7, 4], ceil=True)
    pool(op, "ceil, larger than the padded image", (2, 2, 3, 4), (7, 8), strides=[7, 5], pads=[1, 2, 1, 1], ceil=True)
    pool(op, "line", (2, 3, 9), (3,), strides=[2], pads=[1, 1])
    pool(op, "line, ceil", (2, 3, 8), (3,), strides=[2], ceil=True, opset=11)
    pool(op, "volume", (2, 2, 4, 4, 4), (2, 3, 2), strides=[2, 1, 2], pads=[0, 1, 1, 0, 1, 0])
    pool(op, "dilated", (2, 2, 7, 8), (2, 3), dilations=[3, 2], strides=[1, 2], pads=[1, 0, 0, 2], opset=opset)
    pool(op, "dilated, ceil", (2, 2, 8, 7), (2, 2), dilations=[2, 3], strides=[3, 2], pads=[1, 0, 1, 1], ceil=True, opset=opset)
    pool(op, "dilated, ceil beyond the kernel", (2, 2, 6, 9), (2, 2), dilations=[3, 4], strides=[3, 4], ceil=True, opset=opset)
    pool(op, "dilated volume", (1, 2, 4, 4, 4), (2, 2, 2), dilations=[3, 1, 2], pads=[1, 0, 1, 0, 1, 0], opset=opset)

for op, f in (("GlobalAveragePool", lambda x: x.mean(-1)), ("GlobalMaxPool", lambda x: x.max(-1).values)):
    for name, shape in (("line", (3, 2, 5)), ("picture", (2, 3, 4, 3)), ("volume", (2, 2, 3, 2, 4)), ("pixel", (2, 3, 1, 1))):
        case("window", name, op, {"X": apart(*shape)},
             lambda x, f=f: f(x.flatten(2)).reshape(*x.shape[:2], *[1] * (x.dim() - 2)))


def lp_pool(name, shape, kernel, p, opset=17, dilations=None, strides=None, pads=None, **attributes):
    n = len(kernel)
    d, s = dilations or [1] * n, strides or [1] * n
    for key, value in (("dilations", dilations), ("strides", strides), ("pads", pads)):
        if value:
            attributes[key] = value

    def function(x):
        x = padded(x.abs() ** p, pads or [0] * (2 * n))
        ones = torch.ones(shape[1], 1, *kernel, dtype=x.dtype)
        f = [F.conv1d, F.conv2d, F.conv3d][n - 1]
        return f(x, ones, stride=s, dilation=d, groups=shape[1]) ** (1 / p)

    case("window", name, "LpPool", {"X": apart(*shape)}, function, opset=opset, kernel_shape=list(kernel), p=p, **attributes)


lp_pool("squares", (2, 3, 5, 4), (3, 2), 2, strides=[2, 1], pads=[1, 0, 1, 1], opset=11)
lp_pool("cubes", (2, 2, 4, 4), (2, 2), 3, strides=[2, 2])
lp_pool("sizes", (2, 2, 7), (3,), 1, pads=[1, 1])
lp_pool("dilated", (2, 2, 7, 6), (2, 3), 2, dilations=[2, 2], pads=[1, 1, 0, 1], opset=18)
for p in (1, 2, 3):
    case("window", f"p {p}", "GlobalLpPool", {"X": apart(2, 3, 4, 3)},
         lambda x, p=p: ((x.abs() ** p).sum((2, 3), keepdim=True)) ** (1 / p), p=p)


def lrn(x, size=5, alpha=1e-4, beta=0.75, bias=1.0):
    squares = F.pad(x.flatten(2).square(), (0, 0, (size - 1) // 2, size // 2))
    sums = torch.stack([squares[:, c:c + size].sum(1) for c in range(x.shape[1])], 1).reshape(x.shape)
    return x / (bias + alpha / size * sums) ** beta


for name, shape, attributes in (
    ("five", (2, 8, 3, 4), {"size": 5}),
    ("strong", (2, 6, 2, 3), {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 2.0}),
    ("one", (2, 3, 2, 2), {"size": 1, "alpha": 0.25}),
    ("wide", (2, 3, 2, 3), {"size": 7, "alpha": 0.75}),
    ("even", (2, 6, 2, 2), {"size": 4, "alpha": 0.5}),
    ("line", (2, 5, 4), {"size": 3, "alpha": 0.5}),
    ("volume", (2, 5, 2, 3, 2), {"size": 3, "alpha": 0.5}),
):
    case("window", name, "LRN", {"X": values(*shape)}, lambda x, a=attributes: lrn(x, **a), **attributes)

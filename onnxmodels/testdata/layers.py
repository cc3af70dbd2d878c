"""Makes layers.npz: single layers, forward and backward, computed by PyTorch in float64.

    .venv/bin/python layers.py

runs it in the environment of reference.py. Keys are <layer>/<case>/<array>: x is the input, y the output, dy the
gradient of the output and dx that of the input; w, b, dw and db are parameters and their gradients. kernel [h, w],
stride [h, w] and pad [top, left, bottom, right] exist if the layer has them.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-3


def draw(rng, *shape):
    """Returns normal values that float32 represents exactly, and none near 0, where ReLU has its kink."""
    values = rng.normal(0, 1, shape).astype(np.float32)
    values += np.copysign(np.float32(0.01), values)
    return torch.tensor(values, dtype=torch.float64)


def record(rng, leaves, output):
    """Returns the arrays of one case. leaves maps the names of inputs and parameters
    to their values; output is the layer as a function of them."""
    for value in leaves.values():
        value.requires_grad_()
    y = output(**leaves)
    dy = draw(rng, *y.shape)
    y.backward(dy)
    arrays = dict(leaves) | {"y": y, "dy": dy}
    return arrays | {f"d{name}": value.grad for name, value in leaves.items()}


def same_pad(size, kernel, stride):
    """Keras's "same": ceil(size / stride) outputs, the odd pixel at the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def window(shape, kernel, stride, same):
    """Returns the attributes of a window over an image, and its pads in the order of F.pad."""
    (top, bottom), (left, right) = [same_pad(s, kernel, stride) if same else (0, 0) for s in shape[2:]]
    attributes = {
        "kernel": np.array([kernel, kernel]),
        "stride": np.array([stride, stride]),
        "pad": np.array([top, left, bottom, right]),
    }
    return attributes, (left, right, top, bottom)


# name: shape of x, filters, kernel, stride, "same" padding
CONVOLUTIONS = {
    "3x3": ((2, 3, 6, 5), 4, 3, 1, True),
    "3x3-one": ((1, 1, 1, 1), 2, 3, 1, True),
    "3x3-valid": ((3, 2, 5, 7), 3, 3, 1, False),
    "1x1": ((2, 4, 3, 5), 3, 1, 1, True),
    "1x1-stride2": ((2, 3, 6, 5), 4, 1, 2, True),
    "3x3-stride2-even": ((2, 3, 6, 8), 4, 3, 2, True),
    "3x3-stride2-odd": ((2, 3, 7, 5), 4, 3, 2, True),
    "3x3-stride2-valid": ((2, 3, 8, 7), 2, 3, 2, False),
    "5x5": ((2, 2, 7, 6), 3, 5, 1, True),
    "5x5-stride3": ((1, 2, 9, 10), 3, 5, 3, True),
    "5x5-valid": ((2, 2, 6, 8), 3, 5, 1, False),
}


def conv_case(rng, shape, filters, kernel, stride, same):
    attributes, pad = window(shape, kernel, stride, same)
    leaves = {"x": draw(rng, *shape), "w": draw(rng, filters, shape[1], kernel, kernel), "b": draw(rng, filters)}
    return attributes | record(rng, leaves, lambda x, w, b: F.conv2d(F.pad(x, pad), w, b, stride))


# name: shape of x, kernel, stride, "same" padding
POOLS = {
    "2x2": ((2, 3, 4, 6), 2, 2, False),
    "2x2-one": ((1, 2, 2, 2), 2, 2, False),
    "2x2-odd": ((2, 2, 5, 7), 2, 2, False),
    "3x3-stride2": ((2, 3, 7, 5), 3, 2, False),
    "3x3-stride2-rest": ((2, 3, 8, 6), 3, 2, False),
    "3x3-stride2-same": ((2, 2, 6, 5), 3, 2, True),
    "3x3-stride1": ((1, 2, 5, 4), 3, 1, False),
}


def average_pool_case(rng, shape, kernel, stride, same):
    attributes, pad = window(shape, kernel, stride, same)

    def pool(x):  # padding never counts
        inside = F.avg_pool2d(F.pad(torch.ones_like(x), pad), kernel, stride)
        return F.avg_pool2d(F.pad(x, pad), kernel, stride) / inside

    return attributes | record(rng, {"x": draw(rng, *shape)}, pool)


def max_pool_case(rng, shape, kernel, stride, same):
    attributes, pad = window(shape, kernel, stride, same)
    # A shuffled grid has no two equal values.
    count = int(np.prod(shape))
    x = torch.tensor((rng.permutation(count) / 8 - count / 16).reshape(shape))
    return attributes | record(rng, {"x": x}, lambda x: F.max_pool2d(F.pad(x, pad, value=-np.inf), kernel, stride))


def batch_norm_case(rng, shape):
    """mean and var are the statistics of the batch; var is unbiased if there is
    more than one element. epsilon is 1e-3."""
    channels = shape[1]
    scale = 1 + 0.3 * draw(rng, channels)
    leaves = {"x": 2 * draw(rng, *shape) + 0.5, "w": scale.float().double(), "b": draw(rng, channels)}
    leaves["x"] = leaves["x"].float().double()
    arrays = record(rng, leaves, lambda x, w, b: F.batch_norm(x, None, None, w, b, True, 0, EPSILON))
    x = leaves["x"].detach()
    return arrays | {"mean": x.mean((0, 2, 3)), "var": x.var((0, 2, 3), unbiased=True)}


def relu_case(rng, shape):
    return record(rng, {"x": draw(rng, *shape)}, lambda x: F.relu(x))


def global_average_pool_case(rng, shape):
    return record(rng, {"x": draw(rng, *shape)}, lambda x: x.mean((2, 3)))


def dense_case(rng, shape, units):
    leaves = {"x": draw(rng, *shape), "w": draw(rng, shape[1], units), "b": draw(rng, units)}
    return record(rng, leaves, lambda x, w, b: x @ w + b)


def residual_case(rng, shape):
    """y = x + relu(conv3x3(x))."""
    leaves = {"x": draw(rng, *shape), "w": draw(rng, shape[1], shape[1], 3, 3), "b": draw(rng, shape[1])}
    return record(rng, leaves, lambda x, w, b: x + F.relu(F.conv2d(x, w, b, padding=1)))


def projection_case(rng, shape, filters):
    """y = conv1x1(x; sw, sb) + conv3x3(x; w, b)."""
    leaves = {
        "x": draw(rng, *shape),
        "w": draw(rng, filters, shape[1], 3, 3), "b": draw(rng, filters),
        "sw": draw(rng, filters, shape[1], 1, 1), "sb": draw(rng, filters),
    }
    return record(rng, leaves, lambda x, w, b, sw, sb: F.conv2d(x, sw, sb) + F.conv2d(x, w, b, padding=1))


def cross_entropy_case(rng, images, classes, scale):
    """y is the mean loss of the logits x for label, and dx its gradient."""
    logits = (scale * draw(rng, images, classes)).requires_grad_()
    label = torch.tensor(rng.integers(0, classes, images))
    loss = F.cross_entropy(logits, label)
    loss.backward()
    return {"x": logits, "label": label, "y": loss, "dx": logits.grad}


IMAGES = {"small": (2, 3, 4, 5), "one": (1, 1, 1, 1), "wide": (3, 5, 2, 9)}

# layer: the function that makes a case, and the arguments of each case
LAYERS = {
    "conv": (conv_case, CONVOLUTIONS),
    "batchnorm": (batch_norm_case, {
        "small": ((2, 3, 4, 5),), "single": ((1, 2, 3, 3),), "many": ((16, 2, 2, 2),), "wide": ((3, 7, 1, 4),)}),
    "relu": (relu_case, {name: (shape,) for name, shape in IMAGES.items()}),
    "averagepool": (average_pool_case, POOLS),
    "maxpool": (max_pool_case, POOLS),
    "globalaveragepool": (global_average_pool_case, {name: (shape,) for name, shape in IMAGES.items()}),
    "dense": (dense_case, {"small": ((3, 4), 5), "single": ((1, 6), 2), "one": ((4, 1), 3)}),
    "residual": (residual_case, {"small": ((2, 3, 4, 5),), "single": ((1, 2, 3, 3),)}),
    "projection": (projection_case, {"wider": ((2, 3, 4, 5), 6), "narrower": ((1, 4, 3, 3), 2)}),
    "crossentropy": (cross_entropy_case, {
        "plain": (5, 10, 1.0), "single": (1, 3, 1.0), "sure": (4, 10, 16.0)}),
}


def vectors():
    """Returns all arrays by key, floats as float32. The random numbers of a case depend only on its position."""
    arrays = {}
    for i, (layer, (case, cases)) in enumerate(LAYERS.items()):
        for j, (name, arguments) in enumerate(cases.items()):
            made = case(np.random.default_rng([23, i, j]), *arguments)
            arrays |= {f"{layer}/{name}/{key}": kept(value) for key, value in made.items()}
    return arrays


def kept(value):
    array = value.detach().numpy() if torch.is_tensor(value) else value
    return array.astype(np.float32) if array.dtype == np.float64 else array


if __name__ == "__main__":
    torch.set_num_threads(1)
    np.savez_compressed(pathlib.Path(__file__).parent / "layers.npz", **vectors())

"""Operators that compute each element separately: functions, activations, and arithmetic with
broadcasting. Inputs are not near kinks and poles."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from common import apart, case, values

M = "com.microsoft"


def unary(op, function, name="plain", shape=(2, 3, 4), low=-2.0, high=2.0, **more):
    case("elementwise", name, op, {"x": values(*shape, low=low, high=high)}, function, **more)


def kinked(op, function, name="plain", shape=(2, 3, 4), step=0.25, **more):
    case("elementwise", name, op, {"x": apart(*shape, step=step)}, function, **more)


def binary(op, function, name, a, b, **more):
    case("elementwise", name, op, {"a": a, "b": b}, function, **more)


# Functions: of batches and of single numbers, and in the oldest opset that has them.
unary("Exp", torch.exp)
unary("Log", torch.log, low=0.2)
unary("Sqrt", torch.sqrt, low=0.2)
unary("Reciprocal", torch.reciprocal, low=0.3)
unary("Neg", torch.neg, opset=7)
kinked("Abs", torch.abs)
unary("Erf", torch.erf, shape=(3, 5), opset=9)
unary("Identity", lambda x: x)
unary("Sin", torch.sin)
unary("Cos", torch.cos)
unary("Tan", torch.tan, low=-1.2, high=1.2)
unary("Asin", torch.asin, low=-0.9, high=0.9)
unary("Acos", torch.acos, low=-0.9, high=0.9)
unary("Atan", torch.atan, opset=22)
unary("Sinh", torch.sinh, opset=9)
unary("Cosh", torch.cosh)
unary("Tanh", torch.tanh, shape=(5, 4, 3, 2))
unary("Tanh", torch.tanh, "single", shape=(1,), batch=False)
unary("Asinh", torch.asinh)
unary("Acosh", torch.acosh, low=1.1, high=4.0)
unary("Atanh", torch.atanh, low=-0.9, high=0.9)
for op, function in {"Sign": torch.sign, "Floor": torch.floor, "Ceil": torch.ceil, "Round": torch.round}.items():
    case("elementwise", "plain", op, {"x": values(2, 9, low=-3, high=3)}, function, frozen=["x"])
case("elementwise", "double", "Cast", {"x": values(3, 4)}, lambda x: x, to=1)

# Rectifiers.
kinked("Relu", F.relu)
kinked("Relu", F.relu, "old", opset=7)
for name, alpha in {"plain": 0.2, "falling": -0.3, "flat": 0.0}.items():
    kinked("LeakyRelu", lambda x, a=alpha: torch.where(x < 0, a * x, x), name, alpha=alpha)
kinked("LeakyRelu", F.leaky_relu, "default", opset=7)
kinked("ThresholdedRelu", lambda x: torch.where(x > 1, x, 0 * x))
kinked("ThresholdedRelu", lambda x: torch.where(x > -1, x, 0 * x), "low", alpha=-1.0)
kinked("Elu", F.elu)
kinked("Elu", lambda x: F.elu(x, 0.7), "alpha", alpha=0.7)
kinked("Elu", lambda x: F.elu(x, -0.7), "falling", alpha=-0.7)
kinked("Selu", F.selu)
kinked("Selu", lambda x: 0.5 * F.elu(x, 2), "scaled", alpha=2.0, gamma=0.5)
kinked("Celu", F.celu, opset=12)
kinked("Celu", lambda x: F.celu(x, 0.6), "alpha", alpha=0.6)


def prelu(name, shape, slopes):
    case("elementwise", name, "PRelu", {"x": apart(*shape, step=0.2), "slope": values(*slopes, low=-0.2, high=0.5)},
         lambda x, slope: torch.where(x < 0, slope * x, x))


prelu("channels", (2, 3, 4, 2), (3, 1, 1))
prelu("elements", (2, 3, 4), (3, 4))
prelu("one", (4, 5), (1,))

# Between two levels.
unary("Sigmoid", torch.sigmoid, low=-5, high=5)
kinked("HardSigmoid", lambda x: torch.clamp(0.2 * x + 0.5, 0, 1), step=0.4)
kinked("HardSigmoid", lambda x: torch.clamp(x / 3 - 0.1, 0, 1), "other", alpha=1 / 3, beta=-0.1)
kinked("HardSwish", F.hardswish, step=0.41)
unary("Softplus", F.softplus, low=-9, high=9)
kinked("Softsign", F.softsign)
unary("Mish", F.mish, low=-9, high=9, opset=18)

# Gelu and its relatives.
unary("Gelu", F.gelu, low=-4, high=4, opset=20)
unary("Gelu", lambda x: F.gelu(x, approximate="tanh"), "tanh", low=-4, high=4, opset=20, approximate="tanh")
unary("Gelu", F.gelu, "of ONNX Runtime", shape=(3, 5), low=-4, high=4, domain=M)
unary("FastGelu", lambda x: F.gelu(x, approximate="tanh"), low=-4, high=4, domain=M)
unary("QuickGelu", lambda x: x * torch.sigmoid(1.702 * x), low=-4, high=4, domain=M, alpha=1.702)
unary("Swish", F.silu, low=-4, high=4, opset=24)
unary("Swish", lambda x: x * torch.sigmoid(0.5 * x), "alpha", low=-4, high=4, opset=24, alpha=0.5)
binary("SwiGLU", lambda a, b: F.silu(a) * b, "plain", values(3, 4), values(3, 4, seed=1), opset=28)
binary("BiasGelu", lambda a, b: F.gelu(a + b), "plain", values(2, 3, 4), values(4), domain=M)
binary("FastGelu", lambda a, b: F.gelu(a + b, approximate="tanh"), "bias", values(2, 3, 4), values(4), domain=M)


# Bounds.
def clip(name, low, high, opset=17, constant=True, step=0.3):
    inputs = {"x": apart(2, 3, 4, step=step)}
    shape = [] if constant else [1]
    inputs["low"] = None if low is None else np.full(shape, low, np.float32)
    inputs["high"] = None if high is None else np.full(shape, high, np.float32)
    while inputs[list(inputs)[-1]] is None:
        inputs.popitem()
    constants = [n for n in ("low", "high") if constant]

    def function(*tensors):
        bounds = dict(zip([n for n, a in inputs.items() if a is not None], tensors))
        y = tensors[0]
        y = y if low is None else torch.maximum(y, bounds["low"])
        return y if high is None else torch.minimum(y, bounds["high"])

    case("elementwise", name, "Clip", inputs, function, opset=opset, constants=constants)


clip("as ReLU6", 0, 2.5)
clip("around 0", -1, 1)
clip("as ReLU", 0, None)
clip("from above", None, 0.7)
clip("from below", -1.3, None)
clip("uneven", -0.1, 1.23456)
clip("huge", -3e38, 0.5)
clip("by values", -1.1, 1.1, constant=False)
clip("below a value", None, 1.1, constant=False)
kinked("Clip", lambda x: torch.clamp(x, -1, 1), "by attributes", opset=7, min=-1.0, max=1.0)
kinked("Clip", F.relu, "as ReLU by attributes", opset=10, min=0.0)
kinked("Shrink", lambda x: torch.where(x < -1, x + 0.3, torch.where(x > 1, x - 0.3, 0 * x)), bias=0.3, lambd=1.0)

def between(*shape, step=0.05, part=0.5):
    """Returns numbers that differ from those of apart by this part of a step."""
    return (apart(*shape, seed=5, step=step) + part * step).astype(np.float32)


# Arithmetic.
for op, function in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div}.items():
    binary(op, function, "plain", values(2, 3, 4), values(2, 3, 4, seed=1, low=0.5))
    binary(op, function, "channels", values(2, 3, 2, 2), values(3, 1, 1, low=0.5))
    binary(op, function, "both", values(2, 1, 4), values(1, 3, 1, low=0.5), batch=False)
    binary(op, function, "widened", values(4, seed=2), values(2, 3, 4, low=0.5), batch=False)
binary("Mul", torch.mul, "by half", values(2, 5), np.float32(0.5), constants=["b"])
binary("Div", torch.div, "of one", np.float32(1), values(3, 4, low=0.5), constants=["a"], batch=False)
for exponent in (2.0, 0.5, 1.0, -1.0, 3.0, 1.7, 0.0):
    binary("Pow", torch.pow, f"to {exponent}", values(2, 5, low=0.3), np.float32(exponent), constants=["b"])
binary("Pow", torch.pow, "of negative", values(2, 5), np.float32(3), constants=["b"])
binary("Pow", torch.pow, "learned", values(2, 3, 4, low=0.3), values(3, 1, low=0.5, high=3))
binary("Pow", torch.pow, "of zero", np.array([[0, 1.5, 2], [0.5, 0, 3]], np.float32), np.array([2, 0, 1.5], np.float32))
binary("Pow", torch.pow, "whole", values(2, 3, low=0.5), np.array([2, 3, 0], np.int64))
binary("Mod", torch.fmod, "plain", values(3, 4, low=0.1, high=5), values(4, low=0.6, high=2), fmod=1)
for op, function in {"Max": torch.maximum, "Min": torch.minimum}.items():
    binary(op, function, "plain", apart(2, 3, 4), between(2, 3, 4))
    binary(op, function, "channels", apart(2, 3, 4), between(3, 1))
    binary(op, function, "constant", apart(2, 3, 4), np.float32(0.1), constants=["b"])
    binary(op, function, "frozen first", apart(2, 3, 4), between(2, 3, 4), frozen=["a"])
    case("elementwise", "three", op, {"a": apart(2, 3, step=0.1), "b": between(2, 3, step=0.1, part=1 / 3), "c": between(3, step=0.1, part=2 / 3)},
         lambda a, b, c, f=function: f(f(a, b), c))
case("elementwise", "one", "Max", {"a": apart(2, 3)}, lambda a: a)
for op, function in {"Sum": lambda *t: sum(t), "Mean": lambda *t: sum(t) / len(t)}.items():
    case("elementwise", "three", op, {"a": values(2, 3), "b": values(2, 3, seed=1), "c": values(3)}, function)
    case("elementwise", "one", op, {"a": values(2, 3)}, function, opset=8)
condition = np.array([[True, False, True], [False, False, True]])
case("elementwise", "plain", "Where", {"c": condition, "a": values(2, 3), "b": values(2, 3, seed=1)}, torch.where)
case("elementwise", "broadcast", "Where", {"c": condition, "a": values(4, 1, 3), "b": values(1)}, torch.where, batch=False)
case("elementwise", "constant", "Where", {"c": condition, "a": values(2, 3), "b": np.float32(0)}, torch.where, constants=["b"])

"""Matrix products."""

import torch

from common import case, values


def gemm(a, b, c=None, ta=False, tb=False, alpha=1.0, beta=1.0):
    y = alpha * ((a.T if ta else a) @ (b.T if tb else b))
    return y if c is None else y + beta * c


case("matrix", "plain", "Gemm", {"a": values(3, 4), "b": values(4, 5), "c": values(5)}, gemm)
case("matrix", "turned", "Gemm", {"a": values(3, 4), "b": values(5, 4)}, lambda a, b: gemm(a, b, tb=True), transB=1)

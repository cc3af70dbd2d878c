"""Matrix products."""

import torch

from common import case, values


def gemm(a, b, c=None, ta=False, tb=False, alpha=1.0, beta=1.0):
    y = alpha * ((a.T if ta else a) @ (b.T if tb else b))
    return y if c is None else y + beta * c


case("matrix", "plain", "Gemm", {"a": values(3, 4), "b": values(4, 5), "c": values(5)}, gemm)
case("matrix", "turned", "Gemm", {"a": values(3, 4), "b": values(5, 4)}, lambda a, b: gemm(a, b, tb=True), transB=1)
case("matrix", "scaled", "Gemm", {"a": values(3, 4), "b": values(5, 4), "c": values(1, 5)},
     lambda a, b, c: gemm(a, b, c, tb=True, alpha=0.5, beta=2.0), transB=1, alpha=0.5, beta=2.0)
case("matrix", "both turned", "Gemm", {"a": values(4, 3), "b": values(5, 4), "c": values(3, 1)},
     lambda a, b, c: gemm(a, b, c, True, True, 1.5), batch=False, transA=1, transB=1, alpha=1.5)
case("matrix", "scalar C, opset 9", "Gemm", {"a": values(4, 3), "b": values(4, 5), "c": values(1)},
     lambda a, b, c: gemm(a, b, c, True, False, 1.0, 0.25), opset=9, batch=False, transA=1, beta=0.25)

for name, a, b in [
    ("matrices", (3, 4), (4, 5)),
    ("weight", (2, 7, 4), (4, 5)),
    ("weight of 4 dimensions", (2, 3, 7, 4), (4, 5)),
    ("attention", (2, 3, 5, 4), (2, 3, 4, 6)),
    ("broadcast", (2, 3, 5, 4), (3, 4, 6)),
    ("broadcast ones", (2, 1, 5, 4), (1, 3, 4, 6)),
    ("weight on the left", (5, 4), (2, 3, 4, 6)),
    ("row", (4,), (2, 4, 3)),
    ("column", (2, 3, 4), (4,)),
]:
    case("matrix", name, "MatMul", {"a": values(*a), "b": values(*b)}, torch.matmul, batch=len(a) > 2 and len(b) < 4)

for name, equation, *shapes in [
    ("product", "ij,jk->ik", (3, 4), (4, 5)),
    ("attention", "bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("dots", "...ij,jk->...ik", (2, 3, 4), (4, 5)),
    ("implicit", "ij,jk", (3, 4), (4, 5)),
    ("summed alone", "ijk->ik", (2, 3, 4)),
    ("transposed", "ijk->kij", (2, 3, 4)),
    ("three", "bi,ij,bj->b", (2, 3), (3, 4), (2, 4)),
    ("relative position", "bhwc,hkc->bhwk", (2, 3, 4, 5), (3, 6, 5)),
]:
    case("matrix", name, "Einsum", {f"x{i}": values(*s) for i, s in enumerate(shapes)},
         lambda *x, e=equation: torch.einsum(e, *x), equation=equation)

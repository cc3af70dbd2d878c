"""Operators that change shapes or move elements."""

import numpy as np
import torch

from common import apart, case, values


def ints(*v):
    return np.array(v, np.int64)


def shape_case(op, name, x, function, second=None, what="axes", **more):
    inputs = {"x": values(*x)} | ({what: ints(*second)} if second is not None else {})
    case("movement", name, op, inputs, lambda x, *_: function(x), constants=(what,), **more)


shape_case("Reshape", "rest", (2, 3, 4), lambda x: x.reshape(2, 12), (0, -1), "shape")
shape_case("Reshape", "halves of the batch", (4, 3, 2), lambda x: x.reshape(2, 6, 2), (-1, 6, 2), "shape")
shape_case("Reshape", "channel shuffle", (2, 6, 2, 3), lambda x: x.reshape(2, 2, 3, 2, 3), (-1, 2, 3, 2, 3), "shape", opset=9)
for axis in (0, 1, 3, 4, -1):
    shape_case("Flatten", f"axis {axis}", (2, 3, 4, 2), lambda x, a=axis: x.reshape(x.shape[:a].numel(), -1), axis=axis, opset=9 if axis >= 0 else 13)
for perm in ((0, 2, 3, 1), (0, 3, 1, 2), (2, 0, 3, 1), (0, 1, 3, 2)):
    shape_case("Transpose", " ".join(map(str, perm)), (2, 3, 4, 5), lambda x, p=perm: x.permute(p), perm=perm)
shape_case("Transpose", "reversed", (2, 3, 4), lambda x: x.permute(2, 1, 0))

for name, axes, out in [("all", None, (2, 3)), ("one", (1,), (2, 3, 1)), ("from the end", (-1, 1), (2, 3))]:
    at13 = {"second": axes} if axes else {}
    shape_case("Squeeze", name, (2, 1, 3, 1), lambda x, o=out: x.reshape(o), batch=name != "all", **at13)
    shape_case("Squeeze", f"{name}, opset 11", (2, 1, 3, 1), lambda x, o=out: x.reshape(o), batch=name != "all", opset=11, **({"axes": axes} if axes else {}))
for axes, out in [((1,), (2, 1, 3)), ((0, -1), (1, 2, 3, 1)), ((3, 1), (2, 1, 3, 1))]:
    name = " ".join(map(str, axes))
    shape_case("Unsqueeze", name, (2, 3), lambda x, o=out: x.reshape(o), axes)
    shape_case("Unsqueeze", f"{name}, opset 11", (2, 3), lambda x, o=out: x.reshape(o), opset=11, axes=axes)

for x, to in [((3, 1), (2, 3, 4)), ((1, 3, 1), (2, 1, 4)), ((2, 3), (2, 3)), ((1, 1, 5), (2, 3, 1)), ((4,), (3, 2, 1))]:
    full = np.broadcast_shapes(x, to)
    shape_case("Expand", f"{x} to {to}", x, lambda x, f=full: x.expand(f), to, "shape", batch=False)
for x, times in [((2, 3), (1, 2)), ((2, 3, 2), (2, 1, 3)), ((2, 1, 4), (1, 3, 1)), ((3,), (4,)), ((2, 3, 2), (1, 1, 1))]:
    shape_case("Tile", f"{x} times {times}", x, lambda x, t=times: x.repeat(t), times, "repeats", opset=13 if len(x) == 3 else 9)

for axis in (1, 2, -1):
    parts = {"a": values(2, 3, 4), "b": values(2, 3, 4, seed=1), "c": values(2, 3, 4, seed=2)}
    case("movement", f"axis {axis}", "Concat", parts, lambda *x, a=axis: torch.cat(x, a), axis=axis, batch=False)
case("movement", "other sizes", "Concat", {"a": values(2, 3), "b": values(2, 1, seed=1), "c": values(2, 5, seed=2)}, lambda *x: torch.cat(x, 1), axis=1, batch=False)
case("movement", "batches", "Concat", {"a": values(2, 3), "b": values(4, 3, seed=1)}, lambda *x: torch.cat(x, 0), axis=0, batch=False)
shape_case("Split", "first of three", (2, 6, 3), lambda x: x[:, :2], axis=1, outputs=3)
shape_case("Split", "first of sizes", (2, 6, 3), lambda x: x[:, :1], (1, 5), "split", axis=1, outputs=2)
shape_case("Split", "sizes of opset 11", (2, 6, 3), lambda x: x[:, :4], axis=-2, split=(4, 2), outputs=2, opset=11)
shape_case("Split", "uneven of opset 18", (2, 7, 3), lambda x: x[:, :3], axis=1, num_outputs=3, outputs=3, opset=18)

END = np.iinfo(np.int64).max
for name, cuts, function in [
    ("middle", [(1, 1, 3, 1)], lambda x: x[:, 1:3]),
    ("two axes", [(2, 1, END, 1), (3, 0, -1, 1)], lambda x: x[:, :, 1:, :-1]),
    ("every second", [(2, 0, END, 2), (3, 1, END, 2)], lambda x: x[:, :, ::2, 1::2]),
    ("every third of the last", [(3, -5, END, 3)], lambda x: x[:, :, :, -5::3]),
    ("backwards", [(3, -1, -END, -1)], lambda x: x.flip(3)),
    ("backwards, batch", [(0, -1, -END, -1)], lambda x: x.flip(0)),
    ("every second backwards", [(2, -1, 0, -2), (1, 0, 2, 1)], lambda x: x[:, :2, 1:].flip(2)[:, :, ::2]),
    ("all", [(1, 0, END, 1)], lambda x: x * 1),
]:
    axis, start, end, step = (ints(*c) for c in zip(*cuts))
    bounds = {"starts": start, "ends": end, "axes": axis} | ({"steps": step} if any(step != 1) else {})
    case("movement", name, "Slice", {"x": values(2, 3, 4, 5)} | bounds, lambda x, *_, f=function: f(x), constants=tuple(bounds))
    if "steps" not in bounds:
        case("movement", f"{name}, opset 9", "Slice", {"x": values(2, 3, 4, 5)}, lambda x, f=function: f(x), opset=9, starts=start.tolist(), ends=end.tolist(), axes=axis.tolist())

for name, axis, index, constant in [
    ("class token", 1, np.array(0), True), ("last of the axis", -1, np.array(-1), True), ("one of a list", 1, ints(2), True), ("first of the batch", 0, np.array(0), True),
    ("list", 2, ints(3, 0, -1, 3), True), ("table", 1, np.array([[0, 2], [2, 1], [-3, 2]]), True), ("asked for", 1, np.array([[0, 2], [2, 1]]), False), ("rows", 0, ints(1, 1, 0), False),
]:
    case("movement", name, "Gather", {"x": values(2, 3, 4), "indices": index},
         lambda x, i, a=axis: x.index_select(a, (i % x.shape[a]).flatten()).reshape(x.shape[:a] + i.shape + x.shape[a % x.dim() + 1:]),
         axis=axis, constants=("indices",) if constant else ())

rng = np.random.default_rng(1)
for axis in (0, 1, -1):
    size = (2, 3, 4)[axis]
    shape = [2, 3, 4]
    shape[axis] = 5
    case("movement", f"axis {axis}", "GatherElements", {"x": values(2, 3, 4), "indices": rng.integers(-size, size, shape)},
         lambda x, i, a=axis: x.gather(a, i % x.shape[a]), axis=axis)
    written = rng.permuted(np.broadcast_to(np.arange(size).reshape([-1 if i == axis % 3 else 1 for i in range(3)]), (2, 3, 4)), axis=axis).take(range(2), axis=axis)
    case("movement", f"axis {axis}", "ScatterElements", {"x": values(2, 3, 4), "indices": written, "updates": values(*written.shape, seed=1)},
         lambda x, i, u, a=axis: x.scatter(a, i, u), axis=axis, opset=11)
    case("movement", f"axis {axis}, added", "ScatterElements", {"x": values(2, 3, 4), "indices": rng.integers(0, size, (2, 3, 2)) % 2, "updates": values(2, 3, 2, seed=1)},
         lambda x, i, u, a=axis: x.scatter_add(a, i, u), axis=axis, reduction="add")

case("movement", "points", "GatherND", {"x": values(2, 3, 4), "indices": np.array([[0, 1, 2], [1, 2, -1], [0, 1, 2]])}, lambda x, i: x[tuple(i.T)])
case("movement", "rows", "GatherND", {"x": values(2, 3, 4), "indices": np.array([[[0, 1]], [[1, 2]], [[0, -2]]])}, lambda x, i: x[i[..., 0], i[..., 1]], opset=11, constants=("indices",))
case("movement", "of each image", "GatherND", {"x": values(2, 3, 4), "indices": np.array([[[0], [2]], [[1], [1]]])}, lambda x, i: x.gather(1, i.expand(-1, -1, 4)), batch_dims=1)
case("movement", "rows", "ScatterND", {"x": values(2, 3, 4), "indices": np.array([[0, 1], [1, 2]]), "updates": values(2, 4, seed=1)},
     lambda x, i, u: x.index_put(tuple(i.T), u), opset=11, constants=("indices",))
case("movement", "points", "ScatterND", {"x": values(2, 3), "indices": np.array([[[0, 1]], [[1, -1]]]), "updates": values(2, 1, seed=1)}, lambda x, i, u: x.index_put((i[..., 0], i[..., 1]), u))
case("movement", "added", "ScatterND", {"x": values(2, 3, 4), "indices": np.array([[0, 1], [1, 2], [0, 1]]), "updates": values(3, 4, seed=1)},
     lambda x, i, u: x.index_put(tuple(i.T), u, accumulate=True), reduction="add")

for axis, largest, k in ((-1, 1, 2), (1, 0, 1), (2, 1, 5), (0, 0, 1)):
    case("movement", f"axis {axis}, largest {largest}", "TopK", {"x": apart(2, 3, 5), "k": ints(k)}, lambda x, k, a=axis, b=largest: x.topk(int(k), a, bool(b))[0],
         constants=("k",), axis=axis, largest=largest, outputs=2, opset=11, batch=axis != 0)
case("movement", "values alone, opset 9", "TopK", {"x": apart(2, 5)}, lambda x: x.topk(3)[0], k=3, opset=9)


def cum_sum(x, axis, exclusive, reverse):
    x = x.flip(axis) if reverse else x
    y = x.cumsum(axis) - (x if exclusive else 0)
    return y.flip(axis) if reverse else y


for axis in (1, -1):
    for exclusive, reverse in ((0, 0), (1, 0), (0, 1), (1, 1)):
        case("movement", f"axis {axis}, exclusive {exclusive}, reverse {reverse}", "CumSum", {"x": values(2, 3, 4), "axis": np.array(axis)},
             lambda x, _, a=axis, e=exclusive, r=reverse: cum_sum(x, a, e, r), constants=("axis",), exclusive=exclusive, reverse=reverse)

for upper, k in ((1, None), (0, None), (1, 1), (0, -1), (1, -2), (0, 2)):
    case("movement", f"upper {upper}, diagonal {k}", "Trilu", {"x": values(2, 4, 3)} | ({"k": np.array(k)} if k is not None else {}),
         lambda x, *_, u=upper, k=k: (torch.triu if u else torch.tril)(x, k or 0), constants=("k",), upper=upper)

for batch, time in ((0, 1), (1, 0)):
    lengths = ints(*([3, 1] if batch == 0 else [2, 1, 2]))
    case("movement", f"batch {batch}", "ReverseSequence", {"x": values(2, 3, 2), "lengths": lengths},
         lambda x, n, b=batch: torch.stack([torch.cat([r[:k].flip(0), r[k:]]) for r, k in zip(x.unbind(b), n.tolist())], b), batch_axis=batch, time_axis=time, batch=False)

for name, axis, keep, function in [("axis", 2, (1, 0, 0, 1), lambda x: x[:, :, ::3]), ("flat", None, (0, 1, 0, 1, 1), lambda x: x.flatten()[[1, 3, 4]])]:
    case("movement", name, "Compress", {"x": values(2, 3, 4), "condition": np.array(keep, bool)}, lambda x, _, f=function: f(x),
         opset=11, constants=("condition",), **({"axis": axis} if axis else {}))

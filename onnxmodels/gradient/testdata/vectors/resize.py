"""Resize, Upsample and Pad."""

import numpy as np
import torch
import torch.nn.functional as F

from common import apart, case, values


def resize(name, shape, size, function, by="sizes", opset=17, axes=None, **attributes):
    """Adds a case that resizes to a size, given as sizes or as scales."""
    rank, n = len(shape), len(size)
    lead = [] if axes else list(shape[:rank - n])
    scales = [b / a for a, b in zip(shape[rank - n:], size)]
    inputs = {"X": values(*shape), "roi": None}
    if by == "sizes":
        inputs |= {"scales": None, "sizes": np.array(lead + list(size))}
    else:
        inputs |= {"scales": np.array([1.0] * len(lead) + scales, np.float32)}
    if axes:
        attributes["axes"] = axes
    case("resize", name, "Resize", inputs, lambda x, *_: function(x), opset=opset, constants=("scales", "sizes"),
         batch=by == "scales" or bool(axes), **attributes)


def torch_resize(mode, size, **options):
    return lambda x: F.interpolate(x, size=size, mode=mode, **options)


picture, line, volume = (2, 3, 5, 4), (2, 3, 6), (2, 2, 3, 4, 3)
for by in ("sizes", "scales"):
    resize(f"nearest, {by}", picture, (10, 12), torch_resize("nearest", (10, 12)), by,
           mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
resize("nearest, less", (2, 3, 7, 9), (4, 3), torch_resize("nearest", (4, 3)), mode="nearest",
       coordinate_transformation_mode="asymmetric", nearest_mode="floor")
resize("nearest, exact", (2, 3, 5, 4), (7, 6), torch_resize("nearest-exact", (7, 6)), mode="nearest", nearest_mode="round_prefer_ceil")
resize("nearest line", line, (15,), torch_resize("nearest", (15,)), mode="nearest",
       coordinate_transformation_mode="asymmetric", nearest_mode="floor")
resize("nearest volume", volume, (6, 4, 9), torch_resize("nearest", (6, 4, 9)), mode="nearest",
       coordinate_transformation_mode="asymmetric", nearest_mode="floor")
resize("linear", picture, (8, 10), torch_resize("bilinear", (8, 10)), mode="linear")
resize("linear, scales", picture, (10, 8), torch_resize("bilinear", (10, 8)), "scales", mode="linear", opset=11)
resize("linear, less", (2, 2, 9, 8), (4, 3), torch_resize("bilinear", (4, 3)), mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
resize("linear, corners", picture, (7, 9), torch_resize("bilinear", (7, 9), align_corners=True), mode="linear",
       coordinate_transformation_mode="align_corners")
resize("linear, antialias", (2, 2, 9, 8), (4, 3), torch_resize("bilinear", (4, 3), antialias=True), opset=18, mode="linear",
       antialias=1, exclude_outside=1)
resize("linear line", line, (9,), torch_resize("linear", (9,)), mode="linear")
resize("linear volume", volume, (5, 3, 6), torch_resize("trilinear", (5, 3, 6)), mode="linear")
resize("cubic", picture, (9, 7), torch_resize("bicubic", (9, 7)), mode="cubic")
resize("cubic, corners", picture, (9, 3), torch_resize("bicubic", (9, 3), align_corners=True), mode="cubic",
       coordinate_transformation_mode="align_corners")
resize("axes", picture, (6, 6), torch_resize("bilinear", (6, 6)), opset=18, axes=[2, 3], mode="linear")
case("resize", "of opset 9", "Upsample", {"X": values(2, 3, 3, 4), "scales": np.array([1, 1, 2, 3], np.float32)},
     lambda x, s: x.repeat_interleave(2, 2).repeat_interleave(3, 3), opset=9, constants=("scales",))
case("resize", "of opset 7", "Upsample", {"X": values(2, 3, 3, 4)},
     lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3), opset=7, scales=[1.0, 1.0, 2.0, 2.0])


def pad(name, shape, pads, mode="constant", value=None, opset=17, axes=None, batch=True, **attributes):
    inputs = {"data": values(*shape), "pads": np.array(pads)}
    if value is not None or axes:
        inputs["constant_value"] = None if value is None else np.array(value, np.float32)
    if axes:
        inputs["axes"] = np.array(axes)
    if mode != "constant":
        attributes["mode"] = mode

    def function(x, *_):
        n = len(pads) // 2
        for i, axis in enumerate(axes or range(n)):
            x = along(x, axis, pads[i], pads[n + i])
        return x

    def along(x, axis, before, after):
        size = x.shape[axis]
        x = x.narrow(axis, max(-before, 0), size + min(before, 0) + min(after, 0))
        size, before, after = x.shape[axis], max(before, 0), max(after, 0)
        if mode == "constant":
            ends = [torch.full_like(x.select(axis, 0), value or 0).unsqueeze(axis)]
            return torch.cat(ends * before + [x] + ends * after, axis)
        if mode == "edge":
            places = [min(max(i - before, 0), size - 1) for i in range(before + size + after)]
        elif mode == "wrap":
            places = [(i - before) % size for i in range(before + size + after)]
        else:
            period = list(range(size)) + list(range(size - 2, 0, -1))
            places = [period[(i - before) % len(period)] for i in range(before + size + after)]
        return x.index_select(axis, torch.tensor(places))

    case("resize", name, "Pad", inputs, function, opset=opset, constants=("pads", "axes", "constant_value"), batch=batch, **attributes)


pad("zeros", (2, 3, 4, 3), [0, 0, 1, 2, 0, 0, 0, 1])
pad("value", (2, 3, 4), [0, 1, 2, 0, 0, 1], value=1.5)
pad("cut", (2, 4, 6), [0, -1, 2, 0, 0, -3])
pad("all dimensions", (2, 3), [1, 0, 2, 1], batch=False, value=-1.0)
pad("reflect", (2, 2, 4, 5), [0, 0, 1, 3, 0, 0, 3, 0], "reflect")
pad("edge", (2, 2, 3, 4), [0, 1, 2, 0, 0, 0, 1, 3], "edge")
pad("wrap", (2, 2, 3, 4), [0, 0, 1, 2, 0, 0, 2, 0], "wrap", opset=19)
pad("wrap more than once", (2, 3, 3), [0, 0, 4, 0, 0, 7], "wrap", opset=21)
pad("edge and cut", (2, 4, 5), [0, -1, 2, 0, 1, -2], "edge")
pad("axes", (2, 3, 4, 5), [2, 1, 0, 1], opset=18, axes=[3, -2], value=0.5)
case("resize", "of opset 10", "Pad", {"data": values(2, 3, 4)}, lambda x: F.pad(x, (1, 2), value=0.25),
     opset=10, pads=[0, 0, 1, 0, 0, 2], value=0.25)


def moved(x, block, mode, down):
    n, c, h, w = x.shape
    if down:  # SpaceToDepth
        parts = x.reshape(n, c, h // block, block, w // block, block)
        order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
        return parts.permute(*order).reshape(n, c * block * block, h // block, w // block)
    if mode == "CRD":
        return F.pixel_shuffle(x, block)
    depth = c // block**2
    return x.reshape(n, block, block, depth, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, depth, h * block, w * block)


case("resize", "of opset 9", "DepthToSpace", {"input": values(2, 8, 2, 3)}, lambda x: moved(x, 2, "DCR", False), opset=9, blocksize=2)
for mode in ("DCR", "CRD"):
    case("resize", mode, "DepthToSpace", {"input": values(2, 18, 2, 1)}, lambda x, m=mode: moved(x, 3, m, False), blocksize=3, mode=mode)
    case("resize", mode, "SpaceToDepth", {"input": values(2, 2, 4, 6)}, lambda x, m=mode: moved(x, 2, m, True), opset=28, blocksize=2, mode=mode)
case("resize", "of opset 13", "SpaceToDepth", {"input": values(2, 3, 4, 2)}, lambda x: moved(x, 2, "DCR", True), opset=13, blocksize=2)

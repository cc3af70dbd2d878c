"""Keeps models and their references in little space: what was drawn is drawn again.

    DIR/MODEL/FORM/arrays.npz   the model without weights, what is needed to make them again, and the references
    DIR/MODEL/FORM/facts.json   as layout.py says

Arrays of arrays.npz, besides those that layout.py lists (without images and labels):

    graph      the bytes of the ONNX file; each weight says there how it is made
    kept       the weights that were not drawn, in the order of the file
    scales     the factors of weights into which the exporter multiplied BatchNorm, in the order of the file
    external   whether the weights of the file are in a separate one
"""

import json
import zlib

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from models import draw

ARRAYS, FACTS = "arrays.npz", "facts.json"
KEPT = 1 << 13  # elements of the largest weight that may be kept
ROUNDING = 1e-6  # relative, of a weight that an exporter multiplied
# What of facts.json the judge reads.
READ = ("model", "form", "file", "input", "classes", "parameters", "norms", "batches", "loss", "gradient_rms", "float32", "training")


def pack(path, draws):
    """Returns the arrays of an exported model. draws are objects with the arguments of draw.uniform and array()."""
    external = any(t.external_data for t in onnx.load(path, load_external_data=False).graph.initializer)
    model = onnx.load(path)
    known = [(chosen, chosen.array()) for chosen in draws]
    kept, scales = [], []
    for tensor in weights(model):
        value = numpy_helper.to_array(tensor)
        entries = recipe(value, known, scales)
        if entries is None:
            if value.size > KEPT:
                raise ValueError(f"{path}: {tensor.name} was not drawn and is too large to be kept")
            kept.append(value.ravel())
        for key, text in (entries or {}).items():
            tensor.external_data.add(key=key, value=str(text))
        tensor.ClearField("raw_data")
    without_notes(model)
    return {
        "graph": np.frombuffer(model.SerializeToString(), np.uint8), "external": np.array(external),
        "kept": joined(kept), "scales": joined(scales)}


def weights(model):
    return [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]


def joined(arrays):
    return np.concatenate([np.zeros(0, np.float32), *arrays])


def without_notes(model):
    """Removes what exporters say about the origin of nodes, which is larger than the graph."""
    graph = model.graph
    for item in (*graph.node, *graph.value_info, *graph.input, *graph.output):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")


def recipe(value, known, scales):
    """Says how a weight is made from a drawn array, and appends to scales if it was multiplied; or returns None."""
    for chosen, array in known:
        if array.size != value.size:
            continue
        about = {"key": chosen.key, "low": chosen.low, "high": chosen.high}
        if np.array_equal(array.ravel(), value.ravel()):
            return about
        if array.ndim == 2 and np.array_equal(array.T, value):
            return {**about, "transposed": 1}
        scale = scale_between(array, value)
        if scale is not None:
            scales.append(scale)
            return {**about, "scaled": 1}
    return None


def scale_between(array, value):
    """Returns the number for each output channel by which the array was multiplied, or None if it was not."""
    if array.ndim < 3 or array.shape != value.shape:
        return None
    rows, wanted = (a.reshape(len(a), -1) for a in (array, value))
    largest = np.arange(len(rows)), np.abs(rows).argmax(1)
    scale = wanted[largest] / rows[largest]
    near = np.abs(rows * scale[:, None] - wanted).max() <= ROUNDING * np.abs(wanted).max()
    return scale if near else None


def unpack(arrays, path):
    """Writes the model of these arrays, with its weights."""
    model = onnx.ModelProto.FromString(arrays["graph"].tobytes())
    kept, scales = Reader(arrays["kept"]), Reader(arrays["scales"])
    for tensor in weights(model):
        about = {entry.key: entry.value for entry in tensor.external_data}
        value = drawn(about, list(tensor.dims), scales) if about else kept.next(tensor.dims)
        tensor.ClearField("external_data")
        tensor.raw_data = value.astype("<f4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data = path.with_name(path.name + ".data")
    data.unlink(missing_ok=True)  # onnx would append to it
    onnx.save(model, path, save_as_external_data=bool(arrays["external"]), location=data.name)


class Reader:
    """Reads one array after the other from a flat one."""

    def __init__(self, flat):
        self.flat = flat
        self.begin = 0

    def next(self, shape):
        begin, self.begin = self.begin, self.begin + int(np.prod(shape))
        return self.flat[begin:self.begin].reshape(shape)


def drawn(about, shape, scales):
    """Draws a weight of the given shape again."""
    transposed = "transposed" in about
    value = draw.uniform(about["key"], shape[::-1] if transposed else shape, float(about["low"]), float(about["high"]))
    if "scaled" in about:
        value *= scales.next([shape[0], *[1] * (len(shape) - 1)])
    return value.T if transposed else value


def record(folder, packed, out):
    """Writes the packed model of a folder and its references."""
    facts = json.loads((folder / FACTS).read_text())
    references = np.load(folder / "references.npz")
    small = {name: array for name, array in references.items() if not name.startswith(("images/", "labels/"))}
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / ARRAYS, **packed, **small)
    facts = {key: facts[key] for key in READ} | {"checksum": checksum(folder / facts["file"], references)}
    facts["parameters"] = list(facts["parameters"])
    (out / FACTS).write_text(json.dumps(facts, indent=1) + "\n")


def restore(recorded, folder):
    """Makes the folder of a model and its references again."""
    facts = json.loads((recorded / FACTS).read_text())
    arrays = dict(np.load(recorded / ARRAYS))
    unpack(arrays, folder / facts["file"])
    for i, (key, count) in enumerate(facts["batches"].items()):
        arrays[f"images/{i}"], arrays[f"labels/{i}"] = draw.batch(key, count, facts["input"]["shape"][-1], facts["classes"])
    if checksum(folder / facts["file"], arrays) != facts["checksum"]:
        raise ValueError(f"{recorded}: the weights or images are not those of the references: run the generator again")
    np.savez(folder / "references.npz", **arrays)
    (folder / FACTS).write_text(json.dumps(facts))


def checksum(path, arrays):
    """Returns a number that depends on all weights of a model and on all images and labels."""
    values = [numpy_helper.to_array(t) for t in weights(onnx.load(path))]
    values += [arrays[name] for name in sorted(arrays) if name.startswith(("images/", "labels/"))]
    total = 0
    for value in values:
        total = zlib.crc32(np.ascontiguousarray(value).tobytes(), total)
    return total

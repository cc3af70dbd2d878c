"""Exports the models of the zoo and computes their references.

    bench/models/reference/run.py --keep DIR [--only NAMES] [--forms FORMS] [--record]

With --record, it does so only for the files of zoo.RECORDED, and writes what the judge
needs to make them again into the repository.

Files in DIR that the same sources and versions made are kept. Models that other programs
exported, such as keras_models/run.py, are found by their exported.json.
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch

import check
import export
import notes
import references
import zoo
from models import compact, layout, weights
from program import Program

HERE = Path(__file__).resolve().parent
RECORDED = HERE.parent / "recorded"


def stamp(*names):
    """Returns a name for the present state of these files in this folder."""
    digest = hashlib.sha256()
    for name in names:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()[:16]


EXPORT_STAMP = stamp("zoo.py", "export.py", "requirements.txt", "../weights.py", "../draw.py", "../compact.py")
STAMP = EXPORT_STAMP + stamp("program.py", "operators.py", "references.py", "check.py", "../layout.py")


def made(path, by):
    """Returns whether the JSON file exists and says that these sources made it."""
    return path.exists() and json.loads(path.read_text()).get("stamp") == by


def write_json(path, value):
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1))
    part.rename(path)


def exported(work, name, form):
    """Exports a model of the zoo twice, with different weights: values that differ depend on the weights."""
    folder = layout.folder(work, name, form)
    if made(folder / "exported.json", EXPORT_STAMP):
        return folder
    path = folder / f"{name}.onnx"
    draws = export.write(name, form, path)
    other = folder / "other" / path.name
    export.write(name, form, other, variant=1)
    from_weights = weights.differing(path, other)
    shutil.rmtree(other.parent)
    if zoo.RECORDED.get(name) == form:
        packed = compact.pack(path, draws.values())
        compact.unpack(packed, path)  # rounds the weights that the exporter computed as the judge does
        np.savez(folder / "packed.npz", **packed)
    save_candidates(folder, zoo.candidates(name))
    write_json(folder / "exported.json", {
        "stamp": EXPORT_STAMP, "model": name, "form": form, "file": path.name, "weights": from_weights,
        "source": "torchvision or timm"})
    return folder


def save_candidates(folder, batches):
    np.savez(folder / "candidates.npz", **{
        f"{kind}/{key}": array for key, *batch in batches for kind, array in zip(("images", "labels"), batch)})


def load_candidates(folder):
    arrays = np.load(folder / "candidates.npz")
    keys = [name.removeprefix("images/") for name in arrays if name.startswith("images/")]
    return [(key, arrays[f"images/{key}"], arrays[f"labels/{key}"]) for key in keys]


def refer(folder):
    """Computes the references of an exported file, unless they exist."""
    facts = folder / "facts.json"
    about = json.loads((folder / "exported.json").read_text())
    sources = about["stamp"] + STAMP
    if made(facts, sources) or about["form"] == "dropout":
        return
    path = folder / about["file"]
    program = Program(path)
    statistics = {n for norm in program.norms for n in (norm.mean, norm.variance)}
    names = [n for n in about["weights"] if n not in statistics]
    candidates = load_candidates(folder)
    batches, arrays, figures = references.compute(program, names, candidates)
    checks = {
        **check.runtime(path, program, batches, arrays),
        **check.against_torch(about, program, names, batches),
        **check.against_keras(folder, program, candidates)}
    wrong = {what: value for what, value in checks.items() if not value <= check.LIMITS[what]}
    if wrong:
        raise SystemExit(f"{path}: the reference itself is wrong: {wrong}")
    np.savez(folder / "references.npz", **arrays)
    write_json(facts, {"stamp": sources, **describe(about, program, names), **figures, "checks": checks})


def describe(about, program, names):
    """Describes the contents of the file, for the judge and for people."""
    shape = [d.dim_value or d.dim_param for d in program.input.type.tensor_type.shape.dim]
    norms = [vars(norm) for norm in program.norms]
    return {
        **{key: about[key] for key in ("model", "form", "file", "source")},
        "opset": program.opset,
        "input": {"name": program.input.name, "shape": shape},
        "output": program.output,
        "logits": program.logits,
        "classes": zoo.CLASSES,
        "parameters": {name: place(program.constants[name]) for name in names},
        "norms": norms,
        "constants": {
            name: place(c) for name, c in program.constants.items()
            if c.floating and name not in names and not any(name in (n["mean"], n["variance"]) for n in norms)},
    }


def place(constant):
    """Says where a constant is in the file."""
    uses = sorted({f"{use.operator}:{use.operand}" for use in constant.uses})
    return {"kind": constant.kind, "shape": list(constant.value.shape), "uses": uses}


def wanted(work, models, forms):
    """Yields the folders of the models asked for, exporting each just before. Exports of other programs already exist."""
    for name in zoo.MODELS:
        for form in (*export.FORMS, *(["dropout"] if name == zoo.WITH_DROPOUT else [])):
            if (not models or name in models) and (not forms or form in forms):
                yield exported(work, name, form)
    for about in sorted(work.glob("*/*/exported.json")):
        form, name = about.parent.name, about.parent.parent.name
        if name not in zoo.MODELS and (not models or name in models) and (not forms or form in forms):
            yield about.parent


def recorded(work, models):
    """Yields the folders of those models of which references are in the repository."""
    for name, form in zoo.RECORDED.items():
        if not models or name in models:
            yield exported(work, name, form)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="work folder")
    parser.add_argument("--only", default="", help="models, separated by commas")
    parser.add_argument("--forms", default="", help="forms, separated by commas")
    parser.add_argument("--record", action="store_true", help="only those in the repository, and renew them there")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    options = parser.parse_args()
    work = options.keep.resolve()
    torch.set_num_threads(options.threads)
    begin = time.monotonic()
    models, forms = (set(filter(None, text.split(","))) for text in (options.only, options.forms))
    for folder in recorded(work, models) if options.record else wanted(work, models, forms):
        refer(folder)
        if options.record:
            compact.record(folder, np.load(folder / "packed.npz"), RECORDED / folder.relative_to(work))
        print(f"{folder.relative_to(work)}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        begin = time.monotonic()
    notes.write(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())

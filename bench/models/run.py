"""Judges training artifacts of real models against PyTorch's references.

    bench/models/run.sh [--keep DIR] [--only NAMES] [--forms FORMS] [--made | --recorded] [--json FILE]

It exports models of torchvision, timm and Keras to ONNX and computes references
for each file (reference/run.py, keras_models/run.py; both keep files that are
already in DIR). With --recorded, it makes those files again whose references are in
the repository (compact.py), which needs no PyTorch. It then lets `pipeline export artifacts --model` write training
artifacts, trains these in Python's onnxruntime-training, and compares:

    contract    names and types of the inputs, which parameters train
    eval        loss and hits of the eval model on three batches of different sizes
    gradients   of every parameter, and the loss, in training mode
    statistics  running means and variances after a step
    sgd, adamw  losses of three steps, and of SGD each step's change of each parameter
    verify      `pipeline verify --model` on the exported file

The exit status is 1 if anything disagrees.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import table
import trial
from models import compact, layout

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECORDED = HERE / "recorded"
MAKERS = ("keras_models", "reference")


def make(work, options):
    """Exports the models and computes the references, unless they exist. Each maker takes the names that it knows."""
    for maker in MAKERS:
        chosen = ["--only", options.only] if options.only else []
        if maker == "reference":
            chosen += ["--forms", options.forms] if options.forms else []
        subprocess.run([HERE.parent / "python.sh", HERE / maker, "--keep", work, *chosen], check=True)


def folders(work, options):
    """Returns the folders that have references, in the order in which they were made."""
    models, forms = (set(filter(None, text.split(","))) for text in (options.only, options.forms))
    found = [facts.parent for facts in work.glob("*/*/facts.json")]
    return [f for f in sorted(found, key=lambda f: (f / "facts.json").stat().st_mtime)
            if (not models or f.parent.name in models) and (not forms or f.name in forms)]


def restored(options):
    """Yields the folders of the models in the repository. Each is made just before and removed afterwards."""
    for recorded in folders(RECORDED, options):
        with tempfile.TemporaryDirectory(dir=options.scratch) as work:
            folder = Path(work) / recorded.relative_to(RECORDED)
            compact.restore(recorded, folder)
            yield folder


def pipeline(program, *arguments):
    """Runs the command, and returns its exit status, its error or else its last line, and the seconds that it took."""
    begin = time.monotonic()
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    lines = (done.stderr + done.stdout).strip().splitlines()
    errors = [line.removeprefix("pipeline: ") for line in lines if line.startswith("pipeline: ")]
    said = (errors or lines[-1:] or [""])[0]
    return done.returncode, said[:300], time.monotonic() - begin


def export(program, model, out, target):
    """Writes the artifacts for each optimizer; returns the checks, the folders and the seconds of the slower one."""
    checks, artifacts, seconds = [], {}, 0.0
    for optimizer in layout.OPTIMIZERS:
        folder = out / optimizer
        status, said, took = pipeline(
            program, "export", "artifacts", "--model", model, "--optimizer", optimizer, "--target", target,
            "--out", folder, *settings(optimizer))
        seconds = max(seconds, took)
        checks.append(trial.Check(f"export for {optimizer}", status, 0, said if status else ""))
        if status == 0:
            artifacts[optimizer] = folder
    return checks, artifacts, seconds


def settings(optimizer):
    return [f"--set=optimizer.{key}={value}" for key, value in layout.OPTIMIZERS[optimizer].items()]


def verify(program, model, facts):
    # Where BatchNormalization is in training mode, few values have a small deviation, which magnifies rounding.
    tolerance = ["--tolerance", 1e-3] if any(norm["trains"] for norm in facts["norms"]) else []
    status, said, _ = pipeline(program, "verify", "--model", model, "--count", 8, *tolerance)
    return trial.Check("verify", status, 0, said)


def judged(folder, artifacts, threads):
    return list(trial.judge(folder, artifacts, threads))


def judge(folder, artifacts, threads):
    """Judges in a separate process, because a fault in the native library may kill it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(judged, folder, artifacts, threads).result()
        except BrokenProcessPool:
            return [trial.Check("training", float("nan"), 0, "onnxruntime-training ended the process")]
        except Exception as error:  # any error is a result
            first = str(error).strip().splitlines() or [""]
            return [trial.Check("training", float("nan"), 0, f"{type(error).__name__}: {first[0][:300]}")]


def examine(program, folder, options):
    """Returns all checks of one file."""
    facts = json.loads((folder / "facts.json").read_text())
    model = folder / facts["file"]
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        checks, artifacts, seconds = export(program, model, Path(scratch), options.target)
        if artifacts:
            checks += judge(folder, artifacts, options.threads)
    if not options.no_verify:
        checks.append(verify(program, model, facts))
    return table.Result(folder.parent.name, folder.name, seconds, checks)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, default=HERE / ".work", help="work folder (default: .work beside this script)")
    parser.add_argument("--only", default="", help="models, separated by commas")
    parser.add_argument("--forms", default="", help="forms, separated by commas: training, inference, default, tf2onnx")
    parser.add_argument("--made", action="store_true", help="judge the models in the work folder, and export nothing")
    parser.add_argument("--recorded", action="store_true", help="judge the models whose references are in the repository")
    parser.add_argument("--pipeline", type=Path, help="command to judge (default: built from this checkout)")
    parser.add_argument("--target", default="portable", help="target of the artifacts")
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime")
    parser.add_argument("--no-verify", action="store_true", help="skip pipeline verify")
    parser.add_argument("--scratch", type=Path, help="folder for artifacts (default: the system's for temporary files)")
    parser.add_argument("--json", type=Path, help="write all checks to this file")
    return parser.parse_args()


def main():
    options = parse()
    work = options.keep.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if not (options.made or options.recorded):
        make(work, options)
    program = options.pipeline
    if program is None:
        program = work / "pipeline"
        subprocess.run(["go", "build", "-o", program, "./pipeline"], cwd=ROOT, check=True)
    results = []
    for folder in restored(options) if options.recorded else folders(work, options):
        results.append(examine(program, folder, options))
        print(results[-1].line(), file=sys.stderr, flush=True)
    if not results:
        raise SystemExit(f"{RECORDED if options.recorded else work} has no references for these models and forms")
    print(table.markdown(results))
    if options.json:
        options.json.write_text(json.dumps([r.facts() for r in results], indent=1))
    return 0 if all(r.agrees for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())

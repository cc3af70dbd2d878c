"""Trains onnxlab's artifacts in Python's onnxruntime-training and compares.

    bench/interop/run.sh [--steps N] [--keep DIR]

For each case below, it exports training artifacts, trains them in Go
(record/main.go) and again here on the same batches, and compares:

    models      onnx.checker with full_check accepts all of them
    training    loss and number of correct images of every step, and BatchNorm's
                running statistics after the last one
    checkpoint  a checkpoint that onnxlab has read and written has the same bytes
                for every parameter, and training continues from it as in Go
    eval model  its loss and number of correct images agree with the inference
                model's logits
    told        the export prints the same names of tensors as the client has, and
                a model exported with the printed name of the logits has the same
                loss as the eval model
    inference   every form of exported model returns, for 1 and 32 images, the
                logits and probabilities that Go got in ONNX Runtime and in
                onnxlab's pure Go runtime, within 1e-5, or 0.05 in int8

The exit status is 1 if anything disagrees.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def without_torch():
    """Makes onnxruntime.training importable as an empty package. Its own
    __init__ imports tools for PyTorch, and thereby PyTorch, which the training
    API below does not need."""
    found = importlib.util.find_spec("onnxruntime.training")
    package = types.ModuleType(found.name)
    package.__path__ = found.submodule_search_locations
    sys.modules[found.name] = package


without_torch()
from onnxruntime.training.api import CheckpointState, Module, Optimizer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "smoke.yaml"
TOLERANCE = 1e-4  # relative, for losses and logits after training again
# For running statistics. The kernels of the two libraries round differently. If a value is
# close to 0, ReLU may cut it off in only one of them, which changes the mean or the variance
# of a channel by up to 9e-4 within these steps. A wrong momentum would change them by 1e-1.
STATISTICS_TOLERANCE = 5e-3

# Between runtimes on one model: for probabilities, and for logits relative to the
# largest one, or to 1 if that is larger.
INFERENCE_TOLERANCE = 1e-5
# In int8, a number halfway between two integers may be rounded to either.
INT8_TOLERANCE = 0.05
FORMS = [f"{form}-{layout}" for form in ("folded", "kept", "float16", "int8") for layout in ("uint8-nhwc", "float32-nchw")]
INFERRED = (1, 32)  # numbers of images

# What each case changes in configs/smoke.yaml, and the target for which it is exported.
CASES = {
    "plain": ("portable", ["train.replicas=1"]),
    "replicas accumulated": ("portable", ["train.replicas=4", "train.batch_size=64"]),
    "replicas in one": ("portable", ["train.replicas=4", "train.micro_batch=64"]),
    # At a high rate a deep, narrow network magnifies rounding a thousandfold in these few steps.
    "three stages": (
        "portable", ["model.widths=8,12,16", "model.convolutions=3", "optimizer.learning_rate=0.001"]),
    "decay and smoothing": ("portable", ["optimizer.weight_decay=0.0005", "train.label_smoothing=0.1"]),
    "momentum correction": ("portable", ["optimizer.momentum_correction=true"]),
    "Keras's statistics": ("portable", ["model.batchnorm.statistics=keras", "model.batchnorm.momentum=0.9"]),
    # The momentum has an effect from the fifth step on.
    "corrected statistics": (
        "cpu", ["model.batchnorm.statistics=corrected", "model.batchnorm.momentum=0.75",
                "train.replicas=4", "train.micro_batch=32"]),
    "class weights": (
        "portable", ["train.class_weights=[1,0.5,2,1,1,0,3,1,1,1]", "train.label_smoothing=0.1"]),
    # Without this epsilon, Adam takes full steps even for gradients that are only rounding errors.
    "adam accumulated": (
        "portable", ["optimizer.kind=adam", "optimizer.learning_rate=0.001", "optimizer.epsilon=1e-3"]),
    "adamw clipped": ("portable", [
        "optimizer.kind=adamw", "optimizer.learning_rate=0.001", "optimizer.weight_decay=0.05",
        "optimizer.epsilon=1e-3", "optimizer.clip_norm=0.5", "train.micro_batch=64"]),
    "nesterov for CPUs": ("cpu", ["optimizer.nesterov=true", "optimizer.clip_norm=1"]),
    "lars averaged": ("portable", [
        "optimizer.kind=lars", "optimizer.trust_coefficient=0.02", "optimizer.weight_decay=0.005",
        "optimizer.ema_decay=0.8", "train.micro_batch=64"]),
    "lamb": ("portable", [
        "optimizer.kind=lamb", "optimizer.learning_rate=0.01", "optimizer.weight_decay=0.05",
        "optimizer.epsilon=1e-3", "optimizer.rate_multipliers=[head=2]"]),
    "binary cross-entropy": ("portable", ["train.loss=binary_cross_entropy", "train.micro_batch=64"]),
    "squared error": ("portable", ["train.loss=mean_squared_error"]),
    "for CPUs": ("cpu", ["train.replicas=2", "train.micro_batch=64"]),
}


@dataclass
class Check:
    """One line of the table: the difference between two results, and its limit."""

    case: str
    what: str
    difference: float
    limit: float

    @property
    def agrees(self):
        return self.difference <= self.limit  # False for NaN


class Record:
    """The files that record/main.go wrote into a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = facts = json.loads((folder / "record.json").read_text())
        self.told = json.loads((folder / "told.json").read_text())
        steps, batch = facts["steps"], facts["batch"]
        self.images = np.fromfile(folder / "images.u8", np.uint8).reshape(
            steps, batch, facts["height"], facts["width"], 3)
        self.loss = LOSSES[facts["loss"]]
        self.labels = np.fromfile(folder / "labels.i64", "<i8").reshape(steps, batch)
        self.logits = np.fromfile(folder / "logits.f32", "<f4").reshape(batch, facts["classes"])

    def inferred(self, form, count, runtime):
        """Returns the logits and probabilities [2, count, classes] from Go."""
        path = self.folder / f"{form}-{count}.{runtime}.f32"
        return np.fromfile(path, "<f4").reshape(2, count, self.facts["classes"])


def build(folder):
    """Builds the two Go programs once, for all cases."""
    for package in ("./pipeline", "./bench/interop/record"):
        subprocess.run(["go", "build", "-o", folder, package], cwd=ROOT, check=True)


def record(programs, folder, target, sets, steps):
    overrides = ["--set=" + s for s in sets]
    artifacts = folder / "artifacts"
    exported = subprocess.run(
        [programs / "pipeline", "export", "artifacts", "--config", CONFIG, "--out", artifacts,
         "--target", target, "--steps-per-epoch", str(steps), "--json", *overrides],
        check=True, stdout=subprocess.PIPE)
    (folder / "told.json").write_bytes(exported.stdout)
    subprocess.run(
        [programs / "record", "-config", CONFIG, "-artifacts", artifacts, "-out", folder,
         "-steps", str(steps), *overrides],
        check=True)
    return artifacts, Record(folder)


class Trainer:
    """Trains artifacts in Python's onnxruntime-training."""

    def __init__(self, artifacts, checkpoint, micro_batch):
        self.state = CheckpointState.load_checkpoint(str(checkpoint))
        self.module = Module(
            str(artifacts / "training_model.onnx"), self.state, str(artifacts / "eval_model.onnx"))
        self.optimizer = Optimizer(str(artifacts / "optimizer_model.onnx"), self.module)
        self.micro_batch = micro_batch

    def step(self, images, labels, rate):
        """Does one optimizer step, and returns the mean loss and the hits before it."""
        self.module.train()
        parts = len(labels) // self.micro_batch
        rate = np.array([rate / parts], np.float32)
        loss = correct = 0.0
        for image, label in zip(np.split(images, parts), np.split(labels, parts)):
            part_loss, part_correct = self.module(image, label, rate)
            loss += float(part_loss) / parts
            correct += float(part_correct)
        self.optimizer.step()
        self.module.lazy_reset_grad()
        return loss, correct

    def evaluate(self, images, labels):
        self.module.eval()
        loss, correct = self.module(images, labels)
        return float(loss), float(correct)


def relative(got, want):
    """Returns the largest difference, relative to the largest expected value."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return float(np.abs(got - want).max() / np.abs(want).max())


def train(trainer, data, first):
    """Trains from step first on, and returns how far losses and hits are from those of Go."""
    facts = data.facts
    got = [trainer.step(data.images[i], data.labels[i], facts["rates"][i]) for i in range(first, facts["steps"])]
    losses, correct = zip(*got)
    apart = np.abs(np.array(losses) / np.array(facts["losses"][first:]) - 1).max()
    hits = np.abs(np.array(correct) - np.array(facts["correct"][first:])).max()
    return float(apart), float(hits)


def parameters(state):
    return {name: p.data.tobytes() for name, p in state.parameters}


def statistics_apart(state, last):
    """Returns how far apart the parameters that are not trained are, relative to the largest value of each.

    Averages of biases before a BatchNorm contain only rounding errors, of about 1e-8, so a largest
    value below 1e-3 counts as 1e-3.
    """
    want = {name: p.data for name, p in CheckpointState.load_checkpoint(str(last)).parameters if not p.requires_grad}
    got = {name: p.data for name, p in state.parameters if not p.requires_grad}
    if got.keys() != want.keys():
        return float("nan")
    return max(float(np.abs(got[name] - want[name]).max() / max(np.abs(want[name]).max(), 1e-3)) for name in want)


def cross_entropy(logits, labels):
    logits = logits.astype(np.float64)
    logits -= logits.max(1, keepdims=True)
    log_sum = np.log(np.exp(logits).sum(1))
    return float((log_sum - logits[np.arange(len(labels)), labels]).mean())


def one_hot(logits, labels):
    return np.eye(logits.shape[1])[labels]


def binary_cross_entropy(logits, labels):
    logits = logits.astype(np.float64)
    return float((np.logaddexp(0, logits) - one_hot(logits, labels) * logits).mean())


def squared_error(logits, labels):
    return float(np.square(logits - one_hot(logits, labels)).mean())


LOSSES = {"cross_entropy": cross_entropy, "binary_cross_entropy": binary_cross_entropy, "mean_squared_error": squared_error}


def infer(path, images):
    """Returns the logits and probabilities of an exported model for uint8 images [n, h, w, 3]."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if session.get_inputs()[0].type == "tensor(float)":
        images = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    return session.run(["logits", "probabilities"], {"image": images})


def apart(got, want):
    """Returns the difference between two runtimes in the sense of INFERENCE_TOLERANCE; NaN stays NaN."""
    (logits, probabilities), (want_logits, want_probabilities) = got, want
    scale = max(1, np.abs(want_logits).max())
    return float(np.max([np.abs(logits - want_logits).max() / scale,
                         np.abs(probabilities - want_probabilities).max()]))


def compare_inference(case, data):
    """Yields the checks of the inference models of one case."""
    images = data.images.reshape(-1, *data.images.shape[2:])
    for form in FORMS:
        for count in INFERRED:
            got = infer(data.folder / f"{form}.onnx", images[:count])
            for runtime in ("session", "interp"):
                difference = apart(got, data.inferred(form, count, runtime))
                limit = INT8_TOLERANCE if form.startswith("int8") else INFERENCE_TOLERANCE
                yield Check(case, f"{form} x {count}, {runtime}", difference, limit)


def compare_told(case, trainer, data):
    """Yields the checks of the names of tensors that the export prints."""
    models = {m["file"]: m for m in data.told["models"]}
    for choose, file in ((trainer.module.train, "training_model.onnx"), (trainer.module.eval, "eval_model.onnx")):
        choose()
        has = [trainer.module.input_names(), trainer.module.output_names()]
        told = [[t["name"] for t in models[file][part]] for part in ("inputs", "outputs")]
        yield Check(case, f"told: {file}", 0 if has == told else 1, 0)
    path = str(data.folder / "told.onnx")
    trainer.module.export_model_for_inferencing(path, [data.told["logits"]])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, = session.run([data.told["logits"]], {"image": data.images[0]})
    loss, _ = trainer.evaluate(data.images[0], data.labels[0])
    yield Check(case, "told: logits", relative(data.loss(logits, data.labels[0]), loss), INFERENCE_TOLERANCE)


def compare(case, artifacts, data):
    """Yields the checks of one case."""
    for path in [*sorted(artifacts.glob("*.onnx")), *(data.folder / f"{form}.onnx" for form in FORMS)]:
        # If the checker finds a mistake, it raises an exception that names the node.
        onnx.checker.check_model(str(path), full_check=True)

    trainer = Trainer(artifacts, artifacts / "checkpoint", data.facts["micro_batch"])
    losses, hits = train(trainer, data, 0)
    yield Check(case, "training: losses", losses, TOLERANCE)
    yield Check(case, "training: hits", hits, 1)  # two classes may be equally likely, except for rounding
    yield Check(case, "training: statistics", statistics_apart(trainer.state, data.folder / "last"), STATISTICS_TOLERANCE)

    rewritten = Trainer(artifacts, data.folder / "rewritten", data.facts["micro_batch"])
    saved = CheckpointState.load_checkpoint(str(data.folder / "saved"))
    same = parameters(rewritten.state) == parameters(saved)
    yield Check(case, "checkpoint: parameters", 0 if same else 1, 0)
    losses, _ = train(rewritten, data, data.facts["saved_after"])
    yield Check(case, "checkpoint: losses from there", losses, TOLERANCE)

    images, labels = data.images[0], data.labels[0]
    loss, correct = trainer.evaluate(images, labels)
    yield Check(case, "eval model: loss", relative(loss, data.loss(data.logits, labels)), TOLERANCE)
    yield Check(case, "eval model: hits", abs(correct - (data.logits.argmax(1) == labels).sum()), 1)

    yield from compare_told(case, trainer, data)
    yield from compare_inference(case, data)


def show(checks):
    print(f"{'case':22}{'what':36}{'difference':>12}{'limit':>10}")
    for c in checks:
        print(f"{c.case:22}{c.what:36}{c.difference:12.2e}{c.limit:10.0e}{'' if c.agrees else '   DISAGREES'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12, help="optimizer steps of each case")
    parser.add_argument("--keep", type=Path, help="keep the files in this folder")
    options = parser.parse_args()
    if options.steps < 4:
        parser.error("--steps must be 4 or more")
    checks = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        programs = folder / "programs"
        programs.mkdir(parents=True, exist_ok=True)
        build(f"{programs}/")
        for case, (target, sets) in CASES.items():
            artifacts, data = record(programs, folder / case.replace(" ", "-").replace("'", ""), target, sets, options.steps)
            checks += compare(case, artifacts, data)
    print(f"onnxruntime-training {onnxruntime.__version__}, onnx {onnx.__version__}, {options.steps} steps per case")
    show(checks)
    return 0 if all(c.agrees for c in checks) else 1


if __name__ == "__main__":
    sys.exit(main())

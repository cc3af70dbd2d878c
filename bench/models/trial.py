"""Trains the artifacts of one model in Python's onnxruntime-training and compares with its references."""

import importlib.util
import json
import sys
import types
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from models import layout


def without_torch():
    """Makes onnxruntime.training importable as an empty package. Its own __init__ imports tools for PyTorch,
    and thereby PyTorch, which the training API does not need."""
    found = importlib.util.find_spec("onnxruntime.training")
    package = types.ModuleType(found.name)
    package.__path__ = found.submodule_search_locations
    sys.modules[found.name] = package


without_torch()
from onnxruntime.training.api import CheckpointState, Module, Optimizer  # noqa: E402

onnxruntime.set_default_logger_severity(3)  # errors; there are many warnings about initializers that no node uses

GRADIENT_LIMIT = 1e-3  # relative root mean square, for the median of the batches
# For each single batch: a gate that is open in one program and shut in another changes gradients by percents.
GATE_LIMIT = 5e-2
STATISTICS_LIMIT = 1e-3
LOSS_LIMIT = 1e-4
UPDATE_LIMIT = 1e-3  # of a step's change of a parameter, computed again from the gradient
ROUNDING = 2.0**-23  # relative to a parameter; smaller changes of it are not visible
FLOAT32_TIMES = 3  # PyTorch's own float32 may be nearer to float64 by this factor


@dataclass
class Check:
    """One comparison: the difference between two results, and its limit."""

    what: str
    difference: float
    limit: float
    detail: str = ""

    @property
    def agrees(self):
        return bool(self.difference <= self.limit)  # False for NaN


class References:
    """The files in the folder of an exported model."""

    def __init__(self, folder):
        self.facts = json.loads((folder / "facts.json").read_text())
        self.model = folder / self.facts["file"]
        self.arrays = np.load(folder / "references.npz")
        self.parameters = list(self.facts["parameters"])
        self.norms = [norm for norm in self.facts["norms"] if norm["trains"]]
        self.float32 = self.facts["float32"]

    def batch(self, i):
        return self.arrays[f"images/{i}"], self.arrays[f"labels/{i}"]

    @property
    def batches(self):
        return range(len(self.facts["loss"]))


class Trainer:
    """Trains artifacts, beginning with their initial weights."""

    def __init__(self, artifacts, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.state = CheckpointState.load_checkpoint(str(artifacts / "checkpoint"))
        self.module = Module(
            str(artifacts / "training_model.onnx"), self.state, str(artifacts / "eval_model.onnx"),
            session_options=options)
        self.optimizer = Optimizer(str(artifacts / "optimizer_model.onnx"), self.module)

    def trainable(self):
        return [name for name, parameter in self.state.parameters if parameter.requires_grad]

    def value(self, name):
        return np.array(self.state.parameters[name].data)

    def forward(self, batch, rate):
        """Returns the loss in training mode, and leaves the gradients, times the rate, in the buffers."""
        self.module.train()
        loss, _ = self.module(*batch, np.array([rate], np.float32))
        self.module.lazy_reset_grad()
        return float(loss)

    def gradients(self, names):
        return {name: np.array(self.state.parameters[name].grad) for name in names}

    def step(self, batch, rate):
        loss = self.forward(batch, rate)
        self.optimizer.set_learning_rate(rate)
        self.optimizer.step()
        return loss

    def evaluate(self, batch):
        self.module.eval()
        loss, correct = self.module(*batch)
        return float(loss), float(correct)


def judge(folder, artifacts, threads):
    """Yields the checks of the artifacts for a folder's model. artifacts has those for each optimizer, by its name."""
    references = References(folder)
    first = next(iter(artifacts.values()))
    yield from contract(references, first)
    yield from accepted(first)
    trainer = Trainer(first, threads)
    names = [name for name in references.parameters if name in trainer.trainable()]
    yield from same_names("parameters that do not train", references.parameters, names)
    yield from same_names("constants that train", trainer.trainable(), references.parameters)
    yield from evaluation(references, trainer)
    yield from gradients(references, trainer, names)
    for optimizer, path in artifacts.items():
        yield from steps(references, Trainer(path, threads), optimizer)
        if optimizer == "sgd":  # AdamW's artifacts leave the step in the buffers instead of the gradient
            yield from updates(references, Trainer(path, threads), optimizer, names)


def accepted(artifacts):
    """Yields the results of onnx.checker for the models."""
    for path in sorted(artifacts.glob("*.onnx")):
        said = ""
        try:
            onnx.checker.check_model(str(path), full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            said = str(error).strip().splitlines()[0]
        yield Check(f"onnx.checker: {path.name}", 1 if said else 0, 0, said)


def same_names(what, wanted, found):
    missing = [name for name in wanted if name not in set(found)]
    yield Check(what, len(missing), 0, ", ".join(missing[:5]) + (", …" if len(missing) > 5 else ""))


def contract(references, artifacts):
    """Checks the training model's first inputs and outputs."""
    graph = onnx.load(artifacts / "training_model.onnx").graph
    got = [(i.name, i.type.tensor_type.elem_type, [d.dim_value for d in i.type.tensor_type.shape.dim])
           for i in graph.input[:3]]
    about = references.facts["input"]
    shape = [d if isinstance(d, int) else 0 for d in about["shape"]]
    want = [
        (about["name"], onnx.TensorProto.FLOAT, [0, *shape[1:]]),
        ("label", onnx.TensorProto.INT64, [0]),
        ("learning_rate", onnx.TensorProto.FLOAT, [1])]
    outputs = [o.name for o in graph.output][:2]
    wrong = [f"{g} instead of {w}" for g, w in zip(got, want) if g != w]
    wrong += [f"outputs {outputs}"] if outputs != ["loss", "correct"] else []
    yield Check("inputs and outputs", len(wrong), 0, "; ".join(wrong))


def relative(got, want):
    return abs(got / want - 1)


def evaluation(references, trainer):
    """Checks the eval model on every batch, before any training."""
    difference, hits = 0.0, 0.0
    for i in references.batches:
        logits, labels = references.arrays[f"logits/{i}"], references.arrays[f"labels/{i}"]
        loss, correct = trainer.evaluate(references.batch(i))
        difference = max(difference, relative(loss, cross_entropy(logits, labels)))
        hits = max(hits, abs(correct - (logits.argmax(1) == labels).sum()))
    yield Check("eval model: loss", difference, max(LOSS_LIMIT, FLOAT32_TIMES * references.float32["logits"]))
    yield Check("eval model: hits", hits, 1)  # two classes may be equally likely, except for rounding


def cross_entropy(logits, labels):
    logits = logits.astype(np.float64)
    logits -= logits.max(1, keepdims=True)
    return float((np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]).mean())


def gradients(references, trainer, names):
    """Checks losses in training mode, the gradients of every batch, and the running statistics after batch 0."""
    losses, found = [], {name: [] for name in names}
    for i in references.batches:
        losses.append(relative(trainer.forward(references.batch(i), 1.0), references.facts["loss"][i]))
        if i == 0:
            yield from statistics(references, trainer)
        floor = layout.FLOOR * references.facts["gradient_rms"][i]
        wanted = dict(zip(references.parameters, references.arrays[f"gradients/{i}"], strict=True))
        for name, gradient in trainer.gradients(names).items():
            found[name].append(layout.error(layout.sketch(gradient), wanted[name], floor))
    yield Check("loss", max(losses), LOSS_LIMIT)
    float32 = references.float32["gradient"]
    yield worst("gradients", {n: (np.median(e), np.median(float32[n])) for n, e in found.items()}, GRADIENT_LIMIT)
    yield worst("gradients, single batches", {n: (max(e), max(float32[n])) for n, e in found.items()}, GATE_LIMIT)


def worst(what, errors, limit):
    """Returns the check of the worst parameter, relative to its limit. errors are pairs (ours, PyTorch's in float32)."""
    if not errors:
        return Check(what, float("nan"), limit, "none to compare")
    checks = [Check(what, float(e), max(limit, FLOAT32_TIMES * float(own)), name) for name, (e, own) in errors.items()]
    bad = [c for c in checks if not c.agrees]
    chosen = max(bad or checks, key=lambda c: np.inf if np.isnan(c.difference) else c.difference / c.limit)
    if bad:
        chosen.detail += f", and {len(bad) - 1} others of {len(checks)}"
    return chosen


def statistics(references, trainer):
    """Checks running means and variances after one call of the training model on batch 0."""
    errors, missing = {}, []
    names = [name for norm in references.norms for name in (norm["mean"], norm["variance"])]
    for name, want in zip(names, references.arrays["statistics"], strict=True):
        if name not in trainer.state.parameters:
            missing.append(name)
            continue
        errors[name] = (layout.error(layout.sketch(trainer.value(name)), want),
                        references.float32["statistics"])
    if references.norms:
        yield from same_names("statistics that are not in the checkpoint", missing, [])
        yield worst("running statistics", errors, STATISTICS_LIMIT)


def steps(references, trainer, optimizer):
    """Checks the losses of three steps, and of batch 0 in the eval model after them."""
    want = references.facts["training"][optimizer]
    rate = want["rate"]
    losses = [trainer.step(references.batch(i), rate) for i in range(layout.STEPS)]
    evaluated, _ = trainer.evaluate(references.batch(0))
    got, expected = np.array([*losses, evaluated]), np.array([*want["losses"], want["evaluated"]])
    own = np.maximum.accumulate([*want["float32"]["losses"], want["float32"]["evaluated"]])
    limits = np.maximum(LOSS_LIMIT, FLOAT32_TIMES * own)
    apart = np.abs(got / expected - 1)
    chosen = int(np.argmax(np.where(np.isnan(apart), np.inf, apart / limits)))
    where = f"step {chosen + 1}" if chosen < layout.STEPS else "evaluated after them"
    yield Check(f"{optimizer}: losses", float(apart[chosen]), float(limits[chosen]), where)


def updates(references, trainer, optimizer, names):
    """Compares the change of each parameter in each step with the same arithmetic here on the same gradients."""
    rate = references.facts["training"][optimizer]["rate"]
    update = keras_momentum(rate, **layout.OPTIMIZERS[optimizer])
    found = dict.fromkeys(names, 0.0)
    for i in range(layout.STEPS):
        batch = references.batch(i)
        trainer.forward(batch, 1.0)
        gradient = trainer.gradients(names)
        before = {name: trainer.value(name) for name in names}
        trainer.step(batch, rate)
        for name in names:
            change = trainer.value(name).astype(np.float64) - before[name]
            want = update(name, before[name].astype(np.float64), gradient[name].astype(np.float64), i + 1)
            floor = ROUNDING * layout.root_mean_square([before[name]]) / UPDATE_LIMIT
            found[name] = max(found[name], layout.error(change, want, floor))
    yield worst(f"{optimizer}: updates", {name: (e, 0.0) for name, e in found.items()}, UPDATE_LIMIT)


def keras_momentum(rate, momentum):
    velocity = {}

    def update(name, weight, gradient, step):
        velocity[name] = momentum * velocity.get(name, 0.0) - rate * gradient
        return velocity[name]
    return update

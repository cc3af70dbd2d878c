"""Writes NOTES.md: the contents of the zoo's files, and rules that distinguish weights from other constants."""

import json
from collections import Counter, defaultdict

from meeting import meetings
from program import Program

WEIGHT_OPERANDS = {
    "Conv:1", "Conv:2", "Gemm:1", "Gemm:2", "MatMul:0", "MatMul:1", "BatchNormalization:1", "BatchNormalization:2",
    "LayerNormalization:1", "LayerNormalization:2", "InstanceNormalization:1", "InstanceNormalization:2",
}
ARITHMETIC = {f"{name}:{i}" for name in ("Add", "Sub", "Mul", "Div", "Concat") for i in (0, 1, 2)}


class Candidate:
    """A floating-point constant, with the properties that rules use."""

    def __init__(self, name, constant, found):
        self.name = name
        self.initializer = constant.kind == "initializer"
        self.elements = constant.value.size
        self.rank = constant.value.ndim
        self.direct = {f"{use.operator}:{use.operand}" for use in constant.uses}
        self.ends = {meeting.end for meeting in found}
        self.late_ends = {meeting.end for meeting in found if meeting.late}


# Rules that a reader might apply to a floating-point constant that is not a running statistic.
RULES = {
    "is an initializer, not a Constant node": lambda c: c.initializer,
    "has a name like `x.weight`, `x.bias`": lambda c: c.name.endswith((".weight", ".bias")),
    "has rank 1 or more": lambda c: c.rank > 0,
    "has more than one element": lambda c: c.elements > 1,
    "is read as weight or bias of Conv, Gemm, MatMul, a normalisation": lambda c: bool(c.direct & WEIGHT_OPERANDS),
    "meets data there, perhaps through Transpose, Reshape, …": lambda c: bool(c.ends & WEIGHT_OPERANDS),
    "the same, or meets data in Add, Sub, Mul, Div, Concat with more than one element":
        lambda c: bool(c.ends & WEIGHT_OPERANDS) or (c.elements > 1 and bool(c.ends & ARITHMETIC)),
    "the same, but in Add, … only with data that has passed a Conv, Gemm or MatMul":
        lambda c: bool(c.ends & WEIGHT_OPERANDS) or (c.elements > 1 and bool(c.late_ends & ARITHMETIC)),
}


class File:
    """One exported file, and what is known about it."""

    def __init__(self, folder):
        about = json.loads((folder / "exported.json").read_text())
        self.name = f"{folder.parent.name} {folder.name}"
        self.form = folder.name
        self.program = Program(folder / about["file"])
        statistics = {n for norm in self.program.norms for n in (norm.mean, norm.variance)}
        self.parameters = [n for n in about["weights"] if n not in statistics]
        found = meetings(self.program)
        self.ways = {name: list(dict.fromkeys(m.way for m in ms)) for name, ms in found.items()}
        self.candidates = {
            name: Candidate(name, constant, found[name])
            for name, constant in self.program.constants.items()
            if constant.floating and name not in statistics and constant.uses}


def write(work):
    files = [File(about.parent) for about in sorted(work.glob("*/*/exported.json"))]
    (work / "NOTES.md").write_text("\n".join([
        "# The contents of the zoo's files", "",
        "Weights are the floating-point constants that differ between two exports of a model with different weights,",
        "without the running statistics of BatchNormalization.", "",
        "## Weights and other floating-point constants", "", *constant_table(files), "",
        "## Rules that could distinguish them", "", *rule_table(files), "",
        "## Where weights meet data", "", *way_table(files), "",
        "## Floating-point constants that are not weights", "", *other_table(files), "",
        "## Operators", "", *operator_lists(files), ""]))


def row(*cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


def header(*cells):
    return [row(*cells), "|" + "---|" * len(cells)]


def short(counter, limit=12):
    parts = [f"{key} {count}" for key, count in counter.most_common(limit)]
    return ", ".join(parts) + (", …" if len(counter) > limit else "")


def constant_table(files):
    yield from header("file", "opset", "nodes", "input", "output", "weights", "in Constant nodes", "no weights",
                      "in Constant nodes", "with more than one element", "names of weights, the first three")
    for f in files:
        weights = [f.candidates[n] for n in f.parameters]
        others = [c for n, c in f.candidates.items() if n not in set(f.parameters)]
        yield row(f.name, f.program.opset, len(f.program.nodes), f.program.input.name, f.program.output, len(weights),
                  sum(not c.initializer for c in weights), len(others), sum(not c.initializer for c in others),
                  sum(c.elements > 1 for c in others), ", ".join(f"`{c.name}`" for c in weights[:3]))


def rule_table(files):
    yield "Weights that a rule misses, and other constants that it takes, over all files of a form."
    yield ""
    forms = list(dict.fromkeys(f.form for f in files))
    yield from header("a weight is a floating-point constant that …", *(f"{form}: missed, wrongly taken" for form in forms))
    for text, rule in RULES.items():
        cells = []
        for form in forms:
            missed, taken = Counter(), Counter()
            for f in (f for f in files if f.form == form):
                weights = set(f.parameters)
                for name, candidate in f.candidates.items():
                    if rule(candidate) != (name in weights):
                        (missed if name in weights else taken)[f.name.split()[0]] += 1
            cells.append(f"{sum(missed.values())} ({short(missed, 4)}), {sum(taken.values())} ({short(taken, 4)})")
        yield row(text, *cells)


def way_table(files):
    yield from header("file", "ways of its weights")
    for f in files:
        yield row(f.name, short(Counter(" or ".join(f.ways[n][:3]) for n in f.parameters), 30))


def other_table(files):
    yield from header("file", "ways and ranks (elements) of the others")
    for f in files:
        weights = set(f.parameters)
        counts = Counter(
            f"{' or '.join(f.ways[n][:2]) or 'shapes only: ' + ' '.join(sorted(c.direct))} rank {c.rank} ({c.elements})"
            for n, c in f.candidates.items() if n not in weights)
        yield row(f.name, short(counts, 16))


def operator_lists(files):
    for f in files:
        yield f"### {f.name}, opset {f.program.opset}"
        yield ""
        nodes = defaultdict(list)
        for node in f.program.nodes:
            nodes[node.operator].append(node)
        for operator in sorted(nodes):
            yield f"- {operator} × {len(nodes[operator])}{attributes(nodes[operator])}"
        yield ""


def attributes(nodes):
    """Returns the values that each attribute takes, and the numbers of inputs and outputs."""
    values = defaultdict(Counter)
    for node in nodes:
        for name in node.attributes:
            value = node.get(name)
            values[name][f"{value:.6g}" if isinstance(value, float) else str(value).replace("\n", " ")[:40]] += 1
        values["inputs"][sum(map(bool, node.inputs))] += 1
        if len(node.outputs) > 1:
            values["outputs"][len(node.outputs)] += 1
    return ": " + "; ".join(f"{name} {short(found, 5)}" for name, found in sorted(values.items()))

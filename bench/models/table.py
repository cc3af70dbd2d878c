"""Formats the results of the judge as a Markdown table."""

import math
from dataclasses import dataclass

import onnx
import onnxruntime

# The columns, and the checks of each, of which the worst is shown.
COLUMNS = {
    "contract": ("export for sgd", "export for adamw", "training", "onnx.checker", "inputs and outputs", "parameters that do not train",
                 "constants that train", "statistics that are not in the checkpoint"),
    "eval": ("eval model: loss", "eval model: hits"),
    "loss": ("loss",),
    "gradients": ("gradients", "gradients, single batches"),
    "statistics": ("running statistics",),
    "sgd losses": ("sgd: losses",),
    "adamw losses": ("adamw: losses",),
    "updates": ("sgd: updates", "adamw: updates"),
    "verify": ("verify",),
}


@dataclass
class Result:
    """The results for one file."""

    model: str
    form: str
    seconds: float  # to export the artifacts
    checks: list

    @property
    def agrees(self):
        return all(check.agrees for check in self.checks)

    @property
    def wrong(self):
        return [check for check in self.checks if not check.agrees]

    def line(self):
        said = "agrees" if self.agrees else "; ".join(told(c) for c in self.wrong)
        return f"{self.model} {self.form}: {said}"

    def facts(self):
        return {
            "model": self.model, "form": self.form, "seconds": self.seconds, "agrees": self.agrees,
            "checks": [{**vars(c), "agrees": c.agrees} for c in self.checks]}


def told(check):
    """Describes one disagreement in words."""
    numbers = f"{check.difference:.2g}, at most {check.limit:.2g}" if check.limit else f"{check.difference:.3g}"
    return f"{check.what} ({numbers})" + (f": {check.detail}" if check.detail else "")


def cell(checks, names):
    """Returns the worst check with one of these names, relative to its limit, or a dash if there is none."""
    found = [c for c in checks if c.what.split(": ")[0] in names or c.what in names]
    if not found:
        return "–"
    wrong = [c for c in found if not c.agrees]
    if all(c.limit == 0 for c in found):
        return "**no**" if wrong else "yes"
    chosen = max(wrong or [c for c in found if c.limit], key=lambda c: math.inf if math.isnan(c.difference) or not c.limit
                 else c.difference / c.limit)
    text = f"{chosen.difference:.0e}"
    return f"**{text}**" if wrong else text


def markdown(results):
    """Returns one row for each file, followed by the disagreements."""
    lines = [
        f"onnxruntime-training {onnxruntime.__version__}, onnx {onnx.__version__}; disagreements are bold", "",
        "| model | form | export, s | " + " | ".join(COLUMNS) + " |", "|" + "---|" * (len(COLUMNS) + 3)]
    for r in results:
        cells = [cell(r.checks, names) for names in COLUMNS.values()]
        lines.append(f"| {r.model} | {r.form} | {r.seconds:.1f} | " + " | ".join(cells) + " |")
    good = sum(r.agrees for r in results)
    lines += ["", f"{good} of {len(results)} files agree."]
    lines += [f"- {r.model} {r.form}: {told(c)}" for r in results for c in r.wrong]
    return "\n".join(lines)

"""Finds where the constants of a file meet values computed from the images, and what happens to them before."""

from dataclasses import dataclass

WEIGHTED = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, order=True)
class Meeting:
    """A constant's way to the data, such as "Transpose > MatMul:1": the operators in between, then the one that
    combines it with data, and as which operand. late: that data has already passed a Conv, Gemm or MatMul."""

    way: str
    late: bool

    @property
    def end(self):
        return self.way.split(" > ")[-1]


def meetings(program):
    """Returns the meetings of each constant. Constants that are only shapes or indices have none."""
    derived = {name: [(name, ())] for name in program.constants}  # for each tensor: the constants in it, and their ways
    of_data, late = {program.input.name}, set()
    found = {name: set() for name in program.constants}
    for node in program.nodes:
        if node.operator in ("Shape", "Size"):
            continue  # the shape of data does not count as data
        if not of_data.isdisjoint(node.inputs):
            of_data.update(node.outputs)
            passed = not late.isdisjoint(node.inputs)
            if passed or node.operator in WEIGHTED:
                late.update(node.outputs)
            for operand, name in enumerate(node.inputs):
                for constant, way in derived.get(name, ()):
                    found[constant].add(Meeting(" > ".join((*way, f"{node.operator}:{operand}")), passed))
            continue
        ways = [(c, (*way, node.operator)) for name in node.inputs for c, way in derived.get(name, ())]
        if ways:
            derived |= dict.fromkeys(node.outputs, list(dict.fromkeys(ways)))
    return {name: sorted(ways) for name, ways in found.items()}

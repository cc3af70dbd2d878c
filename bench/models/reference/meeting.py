"""Tells where the constants of a file meet what was computed from the images, and what happens to them before."""


def meetings(program):
    """By constant, its ways to the data, as "Transpose > MatMul:1": the operators in between, then the one that
    takes it beside data, and as which operand. A constant that only tells shapes or places has none."""
    derived = {name: [(name, ())] for name in program.constants}  # by tensor: the constants in it, and their ways
    of_data = {program.input.name}
    found = {name: set() for name in program.constants}
    for node in program.nodes:
        if node.operator in ("Shape", "Size"):
            continue  # the shape of data is no data
        if not of_data.isdisjoint(node.inputs):
            of_data.update(node.outputs)
            for operand, name in enumerate(node.inputs):
                for constant, way in derived.get(name, ()):
                    found[constant].add(" > ".join((*way, f"{node.operator}:{operand}")))
            continue
        ways = [(c, (*way, node.operator)) for name in node.inputs for c, way in derived.get(name, ())]
        if ways:
            derived |= dict.fromkeys(node.outputs, list(dict.fromkeys(ways)))
    return {name: sorted(ways) for name, ways in found.items()}

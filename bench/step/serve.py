"""What the peers have in common: the work, and how they are told to do it.

A contestant is a process that reads lines "run N", does N training steps for
each and answers with the seconds that they took, as `pipeline bench step
--serve` does.
"""

import argparse
import sys
import time

import numpy as np

SIZE, CLASSES, CONVOLUTIONS = 32, 10, 3


def options():
    """The arguments that every peer takes; widths is the channels of each stage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", default="64,128,256")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    parsed = parser.parse_args()
    parsed.widths = [int(w) for w in parsed.widths.split(",")]
    return parsed


def batch(size):
    """Random images uint8 [size, 32, 32, 3] and labels [size]: what a step
    costs does not depend on them."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (size, SIZE, SIZE, 3), dtype=np.uint8), rng.integers(0, CLASSES, size)


def parameter_count(widths):
    """The network's parameters, running statistics included."""
    total, channels = 0, 3
    for width in widths:
        for _ in range(CONVOLUTIONS):
            total += (9 * channels + 1) * width + 4 * width
            channels = width
    return total + (channels + 1) * CLASSES


def check_count(got, widths):
    if got != parameter_count(widths):
        sys.exit(f"the network has {got} parameters, want {parameter_count(widths)}")


def serve(step):
    """Does steps as standard input says. step does one and returns the loss
    and the hits as numbers, so that its work is done when it returns."""
    for line in sys.stdin:
        word, count = line.split()
        if word != "run":
            sys.exit(f'line {line!r}: want "run N"')
        begun = time.perf_counter()
        for _ in range(int(count)):
            loss, _ = step()
        seconds = time.perf_counter() - begun
        if not np.isfinite(loss):
            sys.exit(f"the loss is {loss}")
        print(f"{seconds:.6f}", flush=True)

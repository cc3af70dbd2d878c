"""The code that the peers share: the data, and the protocol for their work.

A contestant is a process that reads lines, like `pipeline bench step --serve`. For
"run N" it does N training steps, and answers with the seconds that they took and the
seconds that they waited for batches. After "workers N" it loads batches with N workers,
and answers with an empty line.
"""

import argparse
import sys
import time

import numpy as np

SIZE, CLASSES, CONVOLUTIONS = 32, 10, 3


def options(**choices):
    """Parses the arguments of every peer, and additional ones with these choices.
    widths has the channels of each stage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", default="64,128,256")
    parser.add_argument("--model", help="ONNX file to train instead of the study's network")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    for name, values in choices.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    parsed = parser.parse_args()
    parsed.widths = [int(w) for w in parsed.widths.split(",")]
    return parsed


def images(count, size=SIZE):
    """Returns random images uint8 [count, size, size, 3] and labels [count]. The cost of a
    step does not depend on their values."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8), rng.integers(0, CLASSES, count)


def epoch(batch):
    """Returns the images and labels of CIFAR-10's training set that fill complete batches."""
    return images(50_000 // batch * batch)


def parameter_count(widths):
    """Returns the number of the network's parameters, including running statistics."""
    total, channels = 0, 3
    for width in widths:
        for _ in range(CONVOLUTIONS):
            total += (9 * channels + 1) * width + 4 * width
            channels = width
    return total + (channels + 1) * CLASSES


def check_count(got, widths):
    if got != parameter_count(widths):
        sys.exit(f"the network has {got} parameters, want {parameter_count(widths)}")


def serve(step, load):
    """Does the steps that standard input asks for. load returns an iterator over
    batches of images and labels, made by the given number of workers. step trains
    on one batch and returns the loss and the number of correct images, so that all its work is
    finished when it returns."""
    batches = load(0)
    for line in sys.stdin:
        match line.split():
            case ["workers", count]:
                batches = None  # this stops the workers
                batches = load(int(count))
                print(flush=True)
            case ["run", count]:
                print("{:.6f} {:.6f}".format(*run(step, batches, int(count))), flush=True)
            case _:
                sys.exit(f'line {line!r}: want "run N" or "workers N"')


def run(step, batches, count):
    """Does steps, and returns the seconds that they took and that they waited."""
    waited, begun = 0.0, time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        loss, _ = step(*batch)
    seconds = time.perf_counter() - begun
    if not np.isfinite(loss):
        sys.exit(f"the loss is {loss}")
    return seconds, waited

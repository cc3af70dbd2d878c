"""Augments the same images with onnxlab, Keras, albumentations and torchvision, taking turns.

    bench/augment/run.sh [--recipes strong,medium] [--rounds 9] [--json FILE]

See README.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import turns

OURS, OURS_ON_TWO = turns.OURS, "onnxlab, 2 cores"


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--recipes", default="strong,medium")
    p.add_argument("--size", type=int, default=32, help="height and width of the images")
    p.add_argument("--images", type=int, default=5000, help="number of different images")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--seconds", type=float, default=1.0, help="the length of a turn")
    p.add_argument("--cores", default="0,1", help="the core that all use, and a second one for onnxlab on two cores")
    p.add_argument("--json", help="also write the figures to this file")
    p.add_argument("--pipeline", help="the pipeline binary; built if it is not given")
    return p.parse_args()


def build(directory):
    binary = Path(directory) / "pipeline"
    subprocess.run(["go", "build", "-o", binary, "./pipeline"], cwd=turns.ROOT, check=True)
    return binary


def ours(binary, recipe, options, cores):
    """Returns a contestant that runs our command on these cores."""
    def turn():
        command = [binary, "bench", "augment", "--json", "--recipe", recipe, "--size", f"{options.size}x{options.size}",
                   "--seconds", str(options.seconds), "--workers", str(len(cores))]
        result = subprocess.run(command, check=True, capture_output=True, env=os.environ | {"GOMAXPROCS": str(len(cores))},
                                preexec_fn=lambda: os.sched_setaffinity(0, cores))
        return json.loads(result.stdout)["images_per_second"]

    return turn


def peer(run, options):
    """Returns a contestant in this process, which measures images per second over one turn."""
    run(256)

    def turn():
        made, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < options.seconds:
            made += run(128) or 128
        return made / (time.perf_counter() - begun)

    return turn


def contestants(binary, recipe, options):
    import numpy
    import peers
    images = numpy.random.default_rng(1).integers(0, 256, (options.images, options.size, options.size, 3), dtype=numpy.uint8)
    one, two = (int(c) for c in options.cores.split(","))
    turns = {OURS: ours(binary, recipe, options, {one}), OURS_ON_TWO: ours(binary, recipe, options, {one, two})}
    for name, make in (peers.PEERS | peers.SHORTCUTS).items():
        if run := make(images, recipe):
            turns[name] = peer(run, options)
    return turns, set(peers.SHORTCUTS)


def compete(turns, options):
    """Returns the images per second of each contestant in each round."""
    found = {name: [] for name in turns}
    names = list(turns)
    for number in range(options.rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            found[name].append(turns[name]())
        print(f"round {number + 1}/{options.rounds}: " + "  ".join(f"{n} {found[n][-1]:.0f}" for n in names), file=sys.stderr)
    return found


def times(a, b):
    """Returns the median and the extremes of a/b over the rounds."""
    ratios = [x / y for x, y in zip(a, b)]
    return dict(median=statistics.median(ratios), min=min(ratios), max=max(ratios))


def summarize(found, shortcuts):
    rows = {}
    for name, values in found.items():
        rows[name] = dict(images_per_second=statistics.median(values), min=min(values), max=max(values),
                          onnxlab_is_faster=times(found[OURS], values))
    best = max((n for n in found if n not in shortcuts | {OURS, OURS_ON_TWO}), key=lambda n: rows[n]["images_per_second"])
    return dict(contestants=rows, best_peer=best, times_best_peer=times(found[OURS], found[best]),
                two_cores=times(found[OURS_ON_TWO], found[OURS]))


def machine():
    go = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
    names = ["keras", "albumentations", "opencv-python-headless", "torch", "torchvision", "scipy", "numpy"]
    return dict(cpu=turns.processor(), cores=os.cpu_count(), python=platform.python_version(), go=go, **{n: version(n) for n in names})


def show(recipe, result):
    print(f"\n| `{recipe}` | images/s, median | least to most | onnxlab is faster by, within a round |")
    print("|---|---|---|---|")
    for name, row in result["contestants"].items():
        ratio = row["onnxlab_is_faster"]
        by = "" if name in (OURS, OURS_ON_TWO) else f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})"
        print(f"| {name} | {row['images_per_second']:,.0f} | {row['min']:,.0f} to {row['max']:,.0f} | {by} |")
    print(f"\n{recipe}: {result['times_best_peer']['median']:.1f} times the best peer ({result['best_peer']}), "
          f"two cores {result['two_cores']['median']:.2f} times one")


def main():
    options = parse()
    os.sched_setaffinity(0, {int(options.cores.split(",")[0])})
    os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "NO_ALBUMENTATIONS_UPDATE": "1"}
    report = dict(machine=machine(), size=options.size, rounds=options.rounds, seconds=options.seconds, recipes={})
    with tempfile.TemporaryDirectory() as directory:
        binary = options.pipeline or build(directory)
        for recipe in options.recipes.split(","):
            turns, shortcuts = contestants(binary, recipe, options)
            report["recipes"][recipe] = summarize(compete(turns, options), shortcuts)
    print(json.dumps(report["machine"]))
    for recipe, result in report["recipes"].items():
        show(recipe, result)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=2) + "\n")


main()

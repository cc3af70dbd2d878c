"""Measures speed and memory of a training step over batch sizes and widths.

    bench/scale/run.sh [--steps 2] [--json FILE]

See README.md.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
from matplotlib import pyplot

import turns

BATCHES = (32, 128, 512, 1024, 2048, 4096, 8192)
WIDTHS = ("16,32,64", "32,64,128", "64,128,256")
IMAGES = 2048  # each figure is measured on at least this many
LIMIT = 8 * 2**30  # the memory in bytes below which the largest batch must stay


def measure(pipeline, options, batch, *sets):
    """Measures a step with these settings. A separate process does it, so that
    its memory is that of these settings."""
    steps = max(options.steps, IMAGES // batch)
    command = [pipeline, "bench", "step", "--json", "--steps", str(steps), "--config", "configs/study.yaml",
               "--set", f"runtime.threads={options.threads}", "--set", f"train.batch_size={batch}"]
    for setting in sets:
        command += ["--set", setting]
    print(f"batch {batch}", *sets, file=sys.stderr)
    found = json.loads(subprocess.run(command, cwd=turns.ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return {name: found[name] for name in ("batch_size", "micro_batch", "images_per_second", "seconds", "peak_bytes")}


def table(rows, heading, key):
    print(f"| {heading} | micro-batch | n | images/s, median | slowest to fastest | peak memory |\n|---|---|---|---|---|---|")
    for row in rows:
        speeds = [row["batch_size"] / seconds for seconds in row["seconds"]]
        print(f"| {row[key]} | {row['micro_batch']} | {len(speeds)} | {row['images_per_second']:,.0f} "
              f"| {min(speeds):,.0f} to {max(speeds):,.0f} | {row['peak_bytes'] / 1e6:,.0f} MB |")
    print()


def plot(report, path):
    matplotlib.rcParams |= {"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 9}  # so that the file is reproducible
    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), layout="constrained")
    for column, (rows, label, places, ticks) in enumerate((
        (report["batches"], "batch size, in eighths", [math.log2(row["batch_size"]) for row in report["batches"]],
         [row["batch_size"] for row in report["batches"]]),
        (report["widths"], "widths, at batch 128", range(len(WIDTHS)), WIDTHS),
    )):
        for axis, values, unit in (
            (axes[0][column], [row["images_per_second"] for row in rows], "images/s"),
            (axes[1][column], [row["peak_bytes"] / 2**30 for row in rows], "peak memory, GiB"),
        ):
            axis.plot(places, values, marker="o")
            axis.set(xlabel=label, ylabel=unit, ylim=(0, 1.2 * max(values)))
            axis.set_xticks(places, ticks)
            axis.grid(alpha=0.3)
    axes[1][0].axhline(LIMIT / 2**30, color="gray", linestyle="--")
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2, help="smallest number of steps to time, after a first one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plot", type=Path, default=Path(__file__).resolve().parent / "scale.svg", help="draw the plot in this file")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = f"{folder}/pipeline"
        subprocess.run(["go", "build", "-o", pipeline, "./pipeline"], cwd=turns.ROOT, check=True)
        report = {
            "processor": turns.processor(), "threads": options.threads,
            "batches": [measure(pipeline, options, batch) for batch in BATCHES],
            "widths": [{"widths": widths, **measure(pipeline, options, 128, "train.replicas=1", f"model.widths={widths}")}
                       for widths in WIDTHS],
        }
    table(report["batches"], "batch", "batch_size")
    table(report["widths"], "widths", "widths")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    plot(report, options.plot)
    most = max(row["peak_bytes"] for row in report["batches"])
    if most > LIMIT:
        sys.exit(f"{most / 2**30:.2f} GiB is more than {LIMIT / 2**30:.0f} GiB")


if __name__ == "__main__":
    main()

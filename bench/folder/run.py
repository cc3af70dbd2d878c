"""Compares the accuracy of configs/folder.yaml on 360 photographs with PyTorch.

    bench/folder/run.sh [--seeds N] [--keep DIR] [--json FILE]

It makes the photographs (generate.py) and trains on them with each seed: onnxlab with the
unchanged configs/folder.yaml, the same with Keras's running statistics, and the same network
in PyTorch (torch_peer.py). It prints the validation accuracies after the last epoch. The exit
status is 1 if onnxlab is more than 2 points below the better of PyTorch's means.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import generate
import torch_peer

ROOT = Path(__file__).resolve().parents[2]
POINTS = 2
OURS = "onnxlab, configs/folder.yaml"
PEERS = {"PyTorch, the same SGD and schedule": torch_peer.sgd, "PyTorch, Adam with its defaults": torch_peer.adam}
VARIANTS = {OURS: [], "onnxlab, model.batchnorm.statistics=keras": ["model.batchnorm.statistics=keras"]}


def onnxlab(binary, photos, out, seed, threads, sets):
    sets = [f"data.path={photos}", f"seed={seed}", f"runtime.threads={threads}", *sets]
    command = [binary, "train", "--config", ROOT / "configs" / "folder.yaml", "--out", out, "--json"]
    done = subprocess.run([*command, *("--set=" + s for s in sets)], check=True, capture_output=True)
    return json.loads(done.stdout)["val_accuracy"]


def measure(folder, seeds, threads):
    """Returns the accuracies of each contestant, one for each seed."""
    binary, photos = folder / "pipeline", folder / "photos"
    subprocess.run(["go", "build", "-o", binary, "./pipeline"], cwd=ROOT, check=True)
    generate.write(photos)
    sets = [torch_peer.read(photos / split) for split in ("train", "validation")]
    results = {name: [] for name in (*VARIANTS, *PEERS)}

    def add(name, seed, accuracy):
        print(f"seed {seed}: {name}: {100 * accuracy:.2f} %", file=sys.stderr, flush=True)
        results[name].append(accuracy)

    for seed in range(1, seeds + 1):
        for i, (name, changes) in enumerate(VARIANTS.items()):
            add(name, seed, onnxlab(binary, photos, folder / f"run-{i}-{seed}", seed, threads, changes))
        for name, optimizer in PEERS.items():
            add(name, seed, torch_peer.train(*sets, optimizer, seed, threads))
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="2 or more")
    parser.add_argument("--threads", type=int, default=1, help="one is the fastest if other programs compute too")
    parser.add_argument("--keep", type=Path, help="a folder for the photographs and the runs, which must not contain any yet")
    parser.add_argument("--json", type=Path, help="write the accuracies to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        results = measure(folder, options.seeds, options.threads)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    means = {name: 100 * statistics.mean(values) for name, values in results.items()}
    print(f"| validation accuracy, n = {options.seeds} | mean ± standard deviation | lowest to highest |\n|---|---|---|")
    for name, values in results.items():
        percent = [100 * v for v in values]
        print(f"| {name} | {means[name]:.1f} ± {statistics.stdev(percent):.1f} % | {min(percent):.1f} to {max(percent):.1f} % |")
    ahead = means[OURS] - max(means[name] for name in PEERS)
    print(f"\nconfigs/folder.yaml is {abs(ahead):.1f} points {'above' if ahead >= 0 else 'below'} the better of PyTorch's.")
    sys.exit(ahead < -POINTS)


if __name__ == "__main__":
    main()

"""Times loading photographs in onnxlab and its peers, taking turns.

    bench/photos/run.sh [--threads 1] [--size small] [--rounds 7] [--data DIR] [--json FILE]

See README.md.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import turns

HERE = pathlib.Path(__file__).resolve().parent
PEERS = ("torchvision", "torchvision-pil", "webdataset", "albumentations", "tf", "tf-antialias", "tf-crop", "tf-crop-antialias")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="cores of each contestant")
    parser.add_argument("--size", choices=("small", "big"), default="small", help="photographs of 500x375 or 1600x1200 pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=0, help="batches per turn (default: 8 of small photographs, 2 of big ones)")
    parser.add_argument("--contestants", default=",".join(("onnxlab", "onnxlab-go", *PEERS)),
                        help="who takes part; the others are compared with the first")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the photographs; created if it does not exist")
    parser.add_argument("--pipeline", help="the pipeline binary; built if it is not given")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.steps = options.steps or {"small": 8, "big": 2}[options.size]
    options.device = "cpu"
    return options


def photographs(folder):
    if not (folder / "small.tar").exists():
        import generate
        print("making photographs", file=sys.stderr)
        generate.write(folder)


def commands(options, pipeline, folder):
    ours = [pipeline, "bench", "photos", "--serve", "--workers", str(options.threads),
            "--set", "data.source=folder", "--set", f"data.path={folder}", "--set", "data.size=224",
            "--set", "augment.recipe=photo", "--set", f"train.batch_size={options.batch}"]
    every = {"onnxlab": [*ours, "--set", "data.decoder=libjpeg-turbo"], "onnxlab-go": [*ours, "--set", "data.decoder=go"]}
    for name in PEERS:
        # On one core, one process is best; on more cores, each has its own.
        workers = options.threads if options.threads > 1 or name.startswith("tf") else 0
        if name != "webdataset" or options.size == "small" and options.threads == 1:  # one tar can have only one reader
            every[name] = [sys.executable, str(HERE / "peers.py"), name, str(folder), "--batch", str(options.batch), "--workers", str(workers)]
    return {name: every[name] for name in options.contestants.split(",") if name in every}


def main():
    options = parse()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options.threads])
    with tempfile.TemporaryDirectory() as made:
        data = options.data or pathlib.Path(made)
        photographs(data)
        pipeline = options.pipeline or str(pathlib.Path(made, "pipeline"))
        if not options.pipeline:
            subprocess.run(["go", "build", "-o", pipeline, "./pipeline"], cwd=turns.ROOT, check=True)
        named = commands(options, pipeline, data / options.size)
        contestants = [turns.Contestant(name, command, options) for name, command in named.items()]
        for c in contestants:
            c.run(1)
        turns.compete(contestants, SimpleNamespace(rounds=options.rounds, steps=options.steps, batch=options.batch))
        report(options, contestants)


def report(options, contestants):
    rows = [turns.figures(c, contestants[0], options.batch) for c in contestants]
    print(f"{turns.processor()}, {options.threads} cores, {options.size} photographs, {options.rounds} rounds of {options.steps} batches of {options.batch}\n")
    print(f"{'':22}{'images/s':>10}{'slowest-fastest':>18}{'x ' + rows[0]['name']:>12}{'peak memory':>14}")
    for row in rows:
        print(f"{row['name']:22}{row['images_per_second']:10.0f}{row['slowest']:9.0f}-{row['fastest']:<8.0f}{row['ratio']:12.2f}{row['peak_bytes'] / 1e6:11.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    for c in contestants:
        c.close()


if __name__ == "__main__":
    main()

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

import turns
from peers import PEERS

HERE = pathlib.Path(__file__).resolve().parent
OURS = ("onnxlab", "onnxlab-shards", "onnxlab-go")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="cores of each contestant")
    parser.add_argument("--size", choices=("small", "big"), default="small", help="photographs of 500x375 or 1600x1200 pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=0, help="batches per turn (default: 8 of small photographs, 2 of big ones)")
    parser.add_argument("--contestants", default=",".join((*OURS, *PEERS)),
                        help="who takes part; the others are compared with the first")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the photographs; created if it does not exist")
    parser.add_argument("--pipeline", help="the pipeline binary; built if it is not given")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    options.steps = options.steps or {"small": 8, "big": 2}[options.size]
    options.device = "cpu"
    options.contestants = options.contestants.split(",")
    if unknown := set(options.contestants).difference(OURS, PEERS):
        parser.error(f"--contestants: {', '.join(sorted(unknown))} unknown; known are {', '.join((*OURS, *PEERS))}")
    return options


def photographs(folder, size):
    """Makes the photographs unless the folder has them, and reads them once, so that no
    contestant has to wait for the disk."""
    if not (folder / "complete").exists():
        import generate
        print("making photographs", file=sys.stderr)
        generate.write(folder)
    for path in folder.glob(f"{size}*/**/*.*"):
        path.read_bytes()


def command(name, options, pipeline, photographs):
    """Returns the command line of a contestant."""
    if name in PEERS:
        # On one core, PyTorch is fastest without a second process.
        workers = options.threads if options.threads > 1 or name.startswith("tf") else 0
        return [sys.executable, str(HERE / "peers.py"), name, str(photographs), "--batch", str(options.batch), "--workers", str(workers)]
    settings = {
        "data.source": "folder", "data.path": photographs, "data.size": 224, "data.decoder": "libjpeg-turbo",
        "augment.recipe": "photo", "train.batch_size": options.batch,
    }
    if name == "onnxlab-shards":
        settings |= {"data.source": "shards", "data.path": f"{photographs}-shards"}
    if name == "onnxlab-go":
        settings["data.decoder"] = "go"
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return [pipeline, "bench", "photos", "--serve", *sets]


def processors(count):
    """Returns the numbers of processors on different cores."""
    cores = {}
    for number in sorted(os.sched_getaffinity(0)):
        siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        cores.setdefault(siblings.read_text() if siblings.exists() else number, number)
    if len(cores) < count:
        sys.exit(f"--threads {count}: there are only {len(cores)} cores")
    return list(cores.values())[:count]


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as made:
        data = options.data or pathlib.Path(made)
        photographs(data, options.size)
        pipeline = options.pipeline or str(pathlib.Path(made, "pipeline"))
        if not options.pipeline:
            subprocess.run(["go", "build", "-o", pipeline, "./pipeline"], cwd=turns.ROOT, check=True)
        os.sched_setaffinity(0, processors(options.threads))
        contestants = []
        try:
            for name in options.contestants:
                contestants.append(turns.Contestant(name, command(name, options, pipeline, data / options.size), options))
                contestants[-1].run(options.steps)  # not timed
            turns.compete(contestants, options)
            report(options, [turns.figures(c, contestants[0], options.batch) for c in contestants])
        finally:
            for c in contestants:
                c.close()


def report(options, rows):
    versions = turns.versions(options.contestants)
    print(f"{turns.processor()}, {options.threads} cores, {options.size} photographs, {options.rounds} rounds of {options.steps} batches of {options.batch}")
    print(", ".join(f"{package} {number}" for package, number in versions.items()) + "\n")
    print(f"{'':26}{'images/s':>10}{'slowest-fastest':>18}{'x ' + rows[0]['name']:>12}{'peak memory':>14}")
    for row in rows:
        print(f"{row['name']:26}{row['images_per_second']:10.0f}{row['slowest']:9.0f}-{row['fastest']:<8.0f}{row['ratio']:12.2f}{row['peak_bytes'] / 1e6:11.0f} MB")
    if options.json:
        settings = {name: getattr(options, name) for name in ("size", "threads", "batch", "rounds", "steps")}
        options.json.write_text(json.dumps({"processor": turns.processor(), "versions": versions, **settings, "contestants": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

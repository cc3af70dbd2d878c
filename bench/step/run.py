"""Times training steps of onnxlab, Keras and PyTorch, taking turns.

    bench/step/run.sh [--widths 16,32,64] [--batch 128] [--threads 2]

Each contestant is one process for the whole run. A round gives each a turn of a
few steps, in an order that changes from round to round, while the others wait:
what slows the machine for a while slows all. See README.md.
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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = "onnxlab"
REST = 0.3  # seconds between turns, in which the last one's threads go to sleep


def commands(options, pipeline):
    """The command line of each contestant, by name."""
    def ours(target):
        return [pipeline, "bench", "step", "--serve", "--target", target,
                "--set", f"model.widths={options.widths}", "--set", f"train.batch_size={options.batch}",
                "--set", f"runtime.threads={options.threads}"]

    def peer(script, *more):
        return [sys.executable, str(HERE / script), "--widths", options.widths,
                "--batch", str(options.batch), "--threads", str(options.threads), *more]

    return {
        OURS: ours("cpu"),
        "onnxlab-portable": ours("portable"),
        "keras": peer("keras_peer.py"),
        "keras-xla": peer("keras_peer.py", "--compile"),
        "torch": peer("torch_peer.py"),
        "torch-compile": peer("torch_peer.py", "--compile"),
    }


class Contestant:
    """A process that does steps when told."""

    def __init__(self, name, command, threads):
        self.name, self.turns = name, []  # turns are seconds a step
        # Peers must not see a GPU, nor take more threads for their libraries.
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}
        self.talk = tempfile.TemporaryFile("w+")  # shown only if it fails
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.talk, text=True, env=environment)

    def run(self, steps):
        """Does steps and returns the seconds of one."""
        try:
            self.process.stdin.write(f"run {steps}\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline()) / steps
        except (OSError, ValueError) as error:
            self.process.wait()
            self.talk.seek(0)
            raise SystemExit(
                f"{self.talk.read()}{self.name} ended with status {self.process.returncode}: {error}") from error

    def peak_bytes(self):
        """The most memory that the process has had."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise SystemExit(f"{self.name}: the system does not tell its memory")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compete(contestants, options):
    """Fills in the turns of all contestants."""
    for c in contestants:
        begun = time.perf_counter()
        c.run(options.warmup)
        print(f"{c.name}: ready after {time.perf_counter() - begun:.1f} s", file=sys.stderr)
    for number in range(options.rounds):
        shift = number % len(contestants)
        for c in contestants[shift:] + contestants[:shift]:
            time.sleep(REST)
            c.turns.append(c.run(options.steps))
        figures = "  ".join(f"{c.name} {options.batch / c.turns[-1]:.0f}" for c in contestants)
        print(f"round {number + 1}/{options.rounds}: {figures} images/s", file=sys.stderr)


def figures(c, reference, batch):
    """What is reported of a contestant. Its ratio is the median over the
    rounds of its speed over the reference's in the same round."""
    speeds = [batch / t for t in c.turns]
    ratios = [r / t for t, r in zip(c.turns, reference.turns)]
    return {
        "name": c.name,
        "images_per_second": statistics.median(speeds),
        "slowest": min(speeds),
        "fastest": max(speeds),
        "ratio": statistics.median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
        "peak_bytes": c.peak_bytes(),
        "seconds_per_step": c.turns,
    }


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def show(report):
    print(f"widths {report['widths']}, batch {report['batch']}, {report['threads']} threads, "
          f"{report['rounds']} rounds of {report['steps']} steps")
    print(f"{report['processor']}; {', '.join(f'{k} {v}' for k, v in report['versions'].items())}\n")
    reference = report["contestants"][0]["name"]
    print(f"{'':18}{'images/s':>10}{'slowest-fastest':>18}{'x ' + reference:>14}{'in rounds':>14}{'peak memory':>13}")
    for c in report["contestants"]:
        spread = f"{c['slowest']:.0f}-{c['fastest']:.0f}"
        ratios = f"{c['ratio_least']:.2f}-{c['ratio_most']:.2f}"
        print(f"{c['name']:18}{c['images_per_second']:10.0f}{spread:>18}{c['ratio']:14.2f}{ratios:>14}"
              f"{c['peak_bytes'] / 1e6:10.0f} MB")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", default="64,128,256", help="channels of each stage")
    parser.add_argument("--batch", type=int, default=128, help="images of a step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=4, help="steps of a turn")
    parser.add_argument("--warmup", type=int, default=3, help="steps before the first round")
    parser.add_argument("--contestants", default="onnxlab,keras,torch,torch-compile",
                        help="who takes part; the first is the one that the others are compared with")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    options.contestants = options.contestants.split(",")
    unknown = set(options.contestants) - commands(options, "").keys()
    if unknown:
        parser.error(f"--contestants: {', '.join(sorted(unknown))} unknown; known are {', '.join(commands(options, ''))}")
    return options


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = f"{folder}/pipeline"
        if any(name.startswith(OURS) for name in options.contestants):
            subprocess.run(["go", "build", "-o", pipeline, "./pipeline"], cwd=ROOT, check=True)
        lines = commands(options, pipeline)
        contestants = [Contestant(name, lines[name], options.threads) for name in options.contestants]
        try:
            compete(contestants, options)
            results = [figures(c, contestants[0], options.batch) for c in contestants]
        finally:
            for c in contestants:
                c.close()
    report = {
        "processor": processor(),
        "versions": {name: version(name) for name in ("keras", "tensorflow", "torch")},
        **{name: getattr(options, name) for name in ("widths", "batch", "threads", "rounds", "steps")},
        "contestants": results,
    }
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Measures training in programs that take turns.

Each contestant is one process for the whole run. In a round, each has a turn of a
few steps while the others are stopped. The order changes from round to round. So
anything that slows the machine for a while slows all of them, and none can prepare
batches during the turns of others.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = "onnxlab"
# The forms of PyTorch, and the arguments that select them.
TORCH = {
    "torch": [],
    "torch-compile": ["--compile"],
    "torch-bf16": ["--bf16"],
    "torch-compile-bf16": ["--compile", "--bf16"],
}
# What peers run on, by a word in their names.
PACKAGES = {
    "keras": ["keras", "tensorflow"],
    "torch": ["torch"],
    "albumentations": ["albumentations", "opencv-python-headless"],
    "torchvision": ["torchvision"],
    "webdataset": ["webdataset", "torch", "torchvision"],
    "tf": ["tensorflow"],
}


def ours(pipeline, options, *command):
    """Returns the command line of one of our benchmarks."""
    model = ["--model", options.model] if options.model else ["--set", f"model.widths={options.widths}"]
    return [pipeline, "bench", *command, "--serve", *model, "--set", f"train.batch_size={options.batch}",
            "--set", f"runtime.threads={options.threads}",
            "--set", f"runtime.device={options.device}", "--set", "runtime.tf32=true"]


def mixed(pipeline, options, *command):
    """Returns the command lines with mixed precision, by name; only GPUs have it."""
    if options.device == "cpu":
        return {}
    return {OURS + "-fp16": ours(pipeline, options, *command, "--set", "runtime.precision=mixed_float16")}


def peer(script, options, *more):
    """Returns the command line of a peer."""
    model = ["--model", options.model] if options.model else ["--widths", options.widths]
    return [sys.executable, str(script), *model, "--batch", str(options.batch),
            "--threads", str(options.threads), "--device", options.device, *more]


def keras(script, options):
    """Returns the command lines of Keras, by name; it takes part only on the CPU."""
    if options.device != "cpu":
        return {}
    return {"keras": peer(script, options), "keras-xla": peer(script, options, "--compile")}


class Contestant:
    """A process that does steps on request."""

    def __init__(self, name, command, options):
        self.name = name
        self.turns, self.waited = [], []  # seconds per step, and the share of them spent waiting for a batch
        self.workers, self.trials = None, {}  # number of loading workers, and images/s for each number tried
        self.children_bytes = 0
        # Nobody may use more threads, peers in their libraries and we for loading, nor see a GPU in runs on the CPU.
        environment = os.environ | {"OMP_NUM_THREADS": str(options.threads), "GOMAXPROCS": str(options.threads)}
        if options.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        else:
            environment["VIRTUAL_ENV"] = sys.prefix  # so that onnxlab finds CUDA in PyTorch's packages
        self.talk = tempfile.TemporaryFile("w+")  # shown only if it fails
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.talk, text=True, env=environment)

    def ask(self, line):
        """Sends a line and returns the numbers in the answer. The process is stopped before and afterwards."""
        self.signal(signal.SIGCONT)
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if not answer:
                raise EOFError("no answer")
            numbers = [float(word) for word in answer.split()]
            self.signal(signal.SIGSTOP)
            return numbers
        except (OSError, ValueError, EOFError) as error:
            self.process.wait()
            self.talk.seek(0)
            raise SystemExit(
                f"{self.talk.read()}{self.name} ended with status {self.process.returncode}: {error}") from error

    def signal(self, number):
        """Signals the process and its workers."""
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass  # the worker has ended in the meantime

    def run(self, steps):
        """Does steps, and returns the seconds per step and the share spent waiting."""
        seconds, waited = self.ask(f"run {steps}")
        self.children_bytes = max(self.children_bytes, sum(map(private_bytes, descendants(self.process.pid))))
        return seconds / steps, waited / seconds

    def turn(self, steps):
        seconds, waited = self.run(steps)
        self.turns.append(seconds)
        self.waited.append(waited)

    def choose_workers(self, counts, options):
        """Tries each number of workers for a turn, and keeps the fastest."""
        for count in counts:
            self.ask(f"workers {count}")
            self.run(options.warmup)
            self.trials[count] = options.batch / self.run(options.steps)[0]
        self.workers = max(self.trials, key=self.trials.get)
        self.children_bytes = 0
        self.ask(f"workers {self.workers}")
        self.run(options.warmup)

    def peak_bytes(self):
        """Returns the peak memory of the process, plus that of its children."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 + self.children_bytes
        raise SystemExit(f"{self.name}: the system does not report its memory")

    def close(self):
        self.signal(signal.SIGCONT)
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # Keras may wait for a thread that prepares batches
            self.process.kill()
            self.process.wait()


def descendants(pid):
    """Returns the children of a process, and their children."""
    children = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        if text := read(path):
            parent = int(text.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found[1:]


def private_bytes(pid):
    """Returns the memory of a process that it does not share with others."""
    lines = read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def read(path):
    """Reads a file of the system about a process; returns nothing if the process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def compete(contestants, options):
    """Runs the turns of all contestants."""
    for number in range(options.rounds):
        shift = number % len(contestants)
        for c in contestants[shift:] + contestants[:shift]:
            c.turn(options.steps)
        figures = "  ".join(f"{c.name} {options.batch / c.turns[-1]:.0f}" for c in contestants)
        print(f"round {number + 1}/{options.rounds}: {figures} images/s", file=sys.stderr)


def figures(c, reference, batch):
    """Returns the results of a contestant. Its ratio is the median over the rounds
    of its speed divided by the reference's in the same round."""
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
        "data_wait": statistics.median(c.waited),
        "workers": c.workers,
        "images_per_second_by_workers": c.trials,
    }


def processor():
    """Returns the name of the processor. On ARM, /proc/cpuinfo has only numbers, for which
    lscpu knows the names."""
    for line in subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.startswith("Model name:"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def gpu():
    """Returns the name of the GPU that PyTorch uses."""
    import torch
    if not torch.cuda.is_available():
        sys.exit("--device cuda: PyTorch finds no GPU; 'nvidia-smi' shows whether the system does")
    return torch.cuda.get_device_name()


def versions(contestants):
    """Returns the versions of what the contestants run on."""
    return {package: version(package) for word, packages in PACKAGES.items()
            if any(word in name for name in contestants) for package in packages}


def show(report):
    model = report["model"] or f"widths {report['widths']}"
    print(f"{model}, batch {report['batch']}, {report['threads']} threads, "
          f"{report['rounds']} rounds of {report['steps']} steps")
    packages = ", ".join(f"{k} {v}" for k, v in report["versions"].items())
    print("; ".join(filter(None, (report["processor"], report["gpu"], packages))) + "\n")
    reference = report["contestants"][0]["name"]
    print(f"{'':28}{'images/s':>10}{'slowest-fastest':>18}{'x ' + reference:>14}{'in rounds':>14}{'peak memory':>13}"
          f"{'waiting':>10}{'workers':>9}")
    for c in report["contestants"]:
        spread = f"{c['slowest']:.0f}-{c['fastest']:.0f}"
        ratios = f"{c['ratio_least']:.2f}-{c['ratio_most']:.2f}"
        workers = "" if c["workers"] is None else c["workers"]
        print(f"{c['name']:28}{c['images_per_second']:10.0f}{spread:>18}{c['ratio']:14.2f}{ratios:>14}"
              f"{c['peak_bytes'] / 1e6:10.0f} MB{100 * c['data_wait']:8.1f} %{workers:>9}")


def parse(description, commands, contestants, steps, models=False):
    """Parses the options of every comparison; with models, also --model. commands(options, pipeline)
    returns the command lines of all possible contestants, by name. contestants has those
    that take part by default, for each device."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--widths", default="64,128,256", help="channels of each stage")
    parser.set_defaults(model=None)
    if models:
        parser.add_argument("--model", metavar="FILE", help="ONNX file to train instead of the study's network")
    parser.add_argument("--batch", type=int, default=128, help="images per step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=contestants, default="cpu", help="where the arithmetic runs")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=steps, help="steps per turn")
    parser.add_argument("--warmup", type=int, default=3, help="steps before the first round")
    parser.add_argument("--contestants",
                        help="who takes part; the others are compared with the first")
    parser.add_argument("--pipeline", help="the pipeline binary; built if it is not given")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    known = commands(options, "")
    usual = ",".join(name for name in contestants[options.device].split(",") if name in known)
    options.contestants = (options.contestants or usual).split(",")
    unknown = set(options.contestants) - known.keys()
    if unknown:
        parser.error(f"--contestants: {', '.join(sorted(unknown))} unknown; known are {', '.join(known)}")
    return options


def contest(options, commands, workers=()):
    """Runs the comparison and prints the results. Peers choose among the numbers
    of workers, if there are any."""
    machine = {
        "processor": processor(),
        "gpu": gpu() if options.device == "cuda" else None,
        "versions": versions(options.contestants),
    }
    with tempfile.TemporaryDirectory() as folder:
        pipeline = options.pipeline or f"{folder}/pipeline"
        if not options.pipeline and any(name.startswith(OURS) for name in options.contestants):
            subprocess.run(["go", "build", "-o", pipeline, "./pipeline"], cwd=ROOT, check=True)
        lines = commands(options, pipeline)
        contestants = []
        try:
            for name in options.contestants:
                c = Contestant(name, lines[name], options)
                contestants.append(c)
                begun = time.perf_counter()
                c.run(options.warmup)
                if workers and not name.startswith(OURS):
                    c.choose_workers(workers, options)
                print(f"{name}: ready after {time.perf_counter() - begun:.1f} s", file=sys.stderr)
            compete(contestants, options)
            results = [figures(c, contestants[0], options.batch) for c in contestants]
        finally:
            for c in contestants:
                c.close()
    report = {
        **machine,
        "model": options.model and Path(options.model).stem,
        **{name: getattr(options, name) for name in ("device", "widths", "batch", "threads", "rounds", "steps")},
        "contestants": results,
    }
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")

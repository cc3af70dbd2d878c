#!/usr/bin/env bash
# Usage: bench/start/run.sh [ROUNDS]
# Times, in ROUNDS (default 5) for each width, how long a training takes from the
# command until its first step is done and saved, on 60,000 images in files of
# CIFAR-10's format, and prints the milliseconds. The library is installed before.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go build -o "$work/pipeline" ./pipeline
"$work/pipeline" runtime install >/dev/null
"$work/pipeline" data synth --out "$work/data" >/dev/null

for widths in 16,32,64 64,128,256; do
  printf 'widths %s:' "$widths"
  for ((i = 0; i < rounds; i++)); do
    begun=$(date +%s%N)
    "$work/pipeline" train --set "data.path=$work/data" --set "model.widths=$widths" --set train.checkpoint_steps=1 \
      --out "$work/run" >/dev/null 2>"$work/log" &
    pid=$!
    until [ -d "$work/run/checkpoints/step-00000001" ]; do
      kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
      sleep 0.005
    done
    ended=$(date +%s%N)
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    rm -rf "$work/run"
    printf ' %d' $(((ended - begun) / 1000000))
  done
  printf ' ms\n'
done

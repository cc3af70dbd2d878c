#!/usr/bin/env bash
# Usage: bench/start/run.sh [ROUNDS]
# Prints how many milliseconds a training takes from the command until its first step is
# done and saved, ROUNDS (default 5) times for each width: with 60,000 images from files in
# CIFAR-10's format, and with as many synthetic ones. It installs ONNX Runtime first.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go build -o "$work/pipeline" ./pipeline
"$work/pipeline" runtime install >/dev/null
"$work/pipeline" data synth --out "$work/data" >/dev/null

# first_step WIDTHS PATH prints the milliseconds of one start. If PATH is empty, the images are synthetic.
first_step() {
  local begun ended pid
  begun=$(date +%s%N)
  "$work/pipeline" train --set "data.path=$2" --set "model.widths=$1" --set train.checkpoint_steps=1 \
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
}

for widths in 16,32,64 64,128,256; do
  for images in files drawn; do
    path=$work/data
    [ "$images" = files ] || path=
    printf 'widths %s, images %s:' "$widths" "$images"
    for ((i = 0; i < rounds; i++)); do
      first_step "$widths" "$path"
    done
    printf ' ms\n'
  done
done

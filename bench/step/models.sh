#!/usr/bin/env bash
# Times training steps of resnet18, mobilenet_v2 and a small vision transformer, from
# ONNX files, in onnxlab and in PyTorch, eager and compiled. Arguments go to run.py:
#
#	bench/step/models.sh [--rounds 15] [--threads 2]
set -euo pipefail
here=$(dirname "$0")
for model in resnet18 mobilenet_v2 vit_small; do
  "$here/run.sh" --model "$here/.work/$model.onnx" --batch 32 "$@"
  echo
done

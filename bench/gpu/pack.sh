#!/usr/bin/env bash
# Usage: bench/gpu/pack.sh [DIR]
# Builds what bench/gpu/run.sh needs on a machine without Go and network into DIR (bench/gpu/.kit):
# the command, the tests that use a GPU, ONNX Runtime for CUDA and MNIST. Copy DIR and this checkout.
set -euo pipefail
cd "$(dirname "$0")/../.."
kit=${1:-bench/gpu/.kit}
mkdir -p "$kit/onnxruntime"

go build -trimpath -ldflags='-s -w' -o "$kit/pipeline" ./pipeline
go test -c -trimpath -ldflags='-s -w' -tags gpu -o "$kit/session.test" ./ort/session
go test -c -trimpath -ldflags='-s -w' -o "$kit/pipeline.test" ./pipeline
library=$("$kit/pipeline" runtime install --device cuda)
cp "$(dirname "$library")"/libonnxruntime{.so.1,_providers_cuda.so,_providers_shared.so} "$kit/onnxruntime"
"$kit/pipeline" data fetch --source mnist --out "$kit/mnist" >/dev/null
du -sh "$kit"

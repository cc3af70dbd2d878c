#!/usr/bin/env bash
# Generates onnx.pb.go from onnx.proto: protoc from the Python package
# grpcio-tools, the Go plugin from its module, both pinned.
set -euo pipefail
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet grpcio-tools==1.85.1
GOBIN="$tools" go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PATH="$tools:$PATH" "$tools/venv/bin/python" -m grpc_tools.protoc \
  --proto_path=../.. --go_out=../.. --go_opt=module=onnxlab internal/onnxpb/onnx.proto

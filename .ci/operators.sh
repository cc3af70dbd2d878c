#!/usr/bin/env bash
# Downloads those releases of the Python package onnx that introduced a new opset, from 7 on,
# into the given folder. Each contains the official tests of the operators of its opset.
set -euo pipefail
folder=$1
mkdir -p "$folder"
fetch() {
  local python=$1 version
  shift
  for version; do
    compgen -G "$folder/onnx-$version-*.whl" >/dev/null ||
      "${PYTHON:-python3.11}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --python-version "$python" --dest "$folder" "onnx==$version"
  done
}
fetch 3.6 1.2.1 1.3.0 1.4.1 1.5.0 1.6.0 1.7.0
fetch 3.8 1.8.1 1.9.0 1.10.2 1.11.0 1.12.0
fetch 3.11 1.13.1 1.14.1 1.15.0 1.16.2 1.17.0 1.18.0 1.19.1 1.20.1 1.21.0 1.22.0 1.23.2

#!/usr/bin/env bash
# Puts the command, the native library and the shared libraries that they need into a
# folder, which is the root of the container image:
#
#   docker/root.sh PIPELINE FOLDER
#
# The libraries are ONNX Runtime and libjpeg-turbo, which decodes photographs. Where they are
# missing, they are fetched as by "pipeline runtime install".
set -euo pipefail
pipeline=$(realpath "$1")
root=$2

"$pipeline" runtime info >/dev/null 2>&1 || "$pipeline" runtime install
library=$("$pipeline" runtime info --json | sed -n 's/^ *"path": "\(.*\)",$/\1/p' | head -n 1) # the decoder of photographs has a path too
[ -r "$library" ] || { echo "docker/root.sh: there is no native library" >&2; exit 1; }
decoder=$("$pipeline" runtime install --jpeg)

mkdir -p "$root/usr/bin" "$root/usr/lib/onnxruntime" "$root/tmp"
chmod 1777 "$root/tmp"
install -m 755 "$pipeline" "$root/usr/bin/pipeline"
install -m 644 "$(dirname "$library")"/libonnxruntime* "$root/usr/lib/onnxruntime/"
install -m 644 "$decoder" "$root/usr/lib/libjpeg-turbo.so"

# What these are linked with, at the paths that the loader looks at. The last one is
# loaded by the C library itself, when threads end.
{
  ldd "$pipeline" "$library" "$decoder" | grep -o '/[^ ]*\.so[^ ]*'
  ldconfig -p | grep -o '/[^ ]*libgcc_s\.so\.1$' | head -n 1
} | grep -v -e '^'"$library" -e '^'"$decoder" -e ':$' | sort -u | while read -r file; do
  mkdir -p "$root$(dirname "$file")"
  cp -L "$file" "$root$file"
done

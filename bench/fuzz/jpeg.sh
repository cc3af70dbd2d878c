#!/usr/bin/env bash
# Usage: bench/fuzz/jpeg.sh [SECONDS [LIBRARY]]
# Fuzzes the C code that calls libjpeg-turbo for SECONDS (default 600) under
# AddressSanitizer and UndefinedBehaviorSanitizer, on one core, from the JPEG images of
# the tests. LIBRARY is the library to call, by default the one in the user's cache, else the
# system's. It needs clang. If an input fails, it ends with status 1 and names the input.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-600}
library=${2:-$(find "${XDG_CACHE_HOME:-$HOME/.cache}/onnxlab/libjpeg-turbo" -name 'libleptonica*' 2>/dev/null | head -1)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/inputs" "$work/seeds"

clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
  dataset/photo/jpegturbo/fuzz/fuzz.c dataset/photo/jpegturbo/shim.c -ldl -o "$work/fuzz"
for file in dataset/photo/testdata/turbo/*.jpg dataset/photo/testdata/pictures/*.jpg; do
  for choices in '\x03\x00\x00\xff\xff\x00\x00\x00' '\x01\x40\x30\x80\x90\x00\x00\x00' '\x00\x10\x70\xff\x20\x00\x00\x00'; do
    { printf '%b' "$choices"; cat "$file"; } >"$work/seeds/$(basename "$file")-${choices:2:8}"
  done
done
ONNXLAB_JPEG_LIBRARY=${library:-libjpeg.so.62} ASAN_OPTIONS=allocator_may_return_null=1 \
  "$work/fuzz" -max_total_time="$seconds" -max_len=200000 -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 \
  -artifact_prefix="${TMPDIR:-/tmp}/jpeg-" "$work/inputs" "$work/seeds"

#!/usr/bin/env bash
# Usage: bench/fuzz/run.sh [TIME [TARGET...]]
# Fuzzes every target of the module, or those named, for TIME each (default
# 10m), one after the other on one core, and prints a line a target:
#
#   onnxmodels FuzzDecodeModel: 1234567 inputs in 600 s, 89 of them new
#
# It ends with status 1 at the first input that a target fails at. Go leaves
# that input in the package's testdata/fuzz, where every later test tries it.
# New inputs are kept in Go's own cache, and are where the next run starts. They
# are made smaller in a few tries alone, which otherwise would take the time.
set -euo pipefail
cd "$(dirname "$0")/../.."

time=${1:-10m}
shift || true

fuzz() { # FOLDER TARGET
  local output
  if ! output=$(go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x -parallel 1 "./$1" 2>&1 </dev/null); then
    echo "$output"
    echo "$1 $2: failed" >&2
    return 1
  fi
  # fuzz: elapsed: 3s, execs: 45 (15/sec), new interesting: 2 (total: 9)
  awk -v name="$1 $2" '/^fuzz: elapsed: .* execs:/ { split($0, f, /[:,( ]+/); execs = f[5]; new = f[9] }
    /^ok/ { seconds = $3 }
    END { printf "%s: %d inputs in %d s, %d of them new\n", name, execs, seconds, new }' <<<"$output"
}

count=0
while IFS=: read -r file name; do
  if [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]; then
    folder=$(dirname "$file")
    fuzz "${folder#./}" "$name"
    count=$((count + 1))
  fi
done < <(grep -roP --include='*_test.go' '^func \KFuzz\w+' . | sort)
if [ $count -eq 0 ]; then
  echo "bench/fuzz/run.sh: there are no such fuzz targets" >&2
  exit 2
fi

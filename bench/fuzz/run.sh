#!/usr/bin/env bash
# Usage: bench/fuzz/run.sh [TIME [TARGET...]]
# Fuzzes every target of the module, or those named, for TIME each: 10m by default; 2000x means 2000
# inputs. Each runs on one core, as many at once as there are cores. It prints one line for each
# target, and the sum:
#
#   onnxmodels/modelfile FuzzDecode: 1234567 inputs in 600 s, 89 of them new
#   12 targets: 23456789 inputs
#
# It ends with status 1 if a target fails for an input. Go saves that input in
# the package's testdata/fuzz, so that every later test tries it. Go keeps new
# inputs in its own cache, and the next run starts from them. It may try only a
# few times to make such an input smaller, which otherwise takes most of the time.
set -euo pipefail
cd "$(dirname "$0")/../.."

fuzz() { # TIME FILE:TARGET
  local folder name=${2#*:} output status=0
  folder=$(dirname "${2%%:*}")
  output=$(go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" -fuzzminimizetime 10x -parallel 1 "$folder" 2>&1 </dev/null) || status=$?
  # Go 1.26 sometimes reports a failure when the time is up (go.dev/issue/75804). It then
  # has no failing input.
  if [ $status != 0 ] && { grep -q 'Failing input' <<<"$output" || ! grep -qx ' *context deadline exceeded' <<<"$output"; }; then
    printf '%s\n%s %s: failed\n' "$output" "${folder#./}" "$name" >&2
    return 1
  fi
  # fuzz: elapsed: 3s, execs: 45 (15/sec), new interesting: 2 (total: 9)
  awk -v name="${folder#./} $name" '/^fuzz: elapsed: .* execs:/ { split($0, f, /[:,( ]+/); execs = f[5]; new = f[9] }
    /^(ok|FAIL)[ \t]/ { seconds = $3 }
    END { printf "%s: %d inputs in %d s, %d of them new\n", name, execs, seconds, new }' <<<"$output"
}
export -f fuzz

time=${1:-10m}
shift || true
wanted=${*:-.*}
mapfile -t targets < <(grep -roP --include='*_test.go' '^func \KFuzz\w+' . | grep -E ":(${wanted// /|})\$" | sort)
if [ ${#targets[@]} -eq 0 ]; then
  echo "bench/fuzz/run.sh: there are no such fuzz targets" >&2
  exit 2
fi
printf '%s\0' "${targets[@]}" |
  xargs -0 -P "$(nproc)" -I {} bash -euo pipefail -c 'fuzz "$@"' fuzz "$time" {} |
  awk '{ print; fflush(); count++; inputs += $3 } END { printf "%d targets: %d inputs\n", count, inputs }' || exit 1

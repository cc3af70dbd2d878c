#!/usr/bin/env bash
# Usage: bench/soak/run.sh [STEPS]
# Trains a small network for 20,000 steps, or as many as are given, with an
# evaluation and a snapshot every fifty, and fails if its memory grows or a
# goroutine is left. It takes half a minute on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec go test -count=1 -v -run '^TestSoak$' ./trainloop -soak.steps "${1:-20000}"

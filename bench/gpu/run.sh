#!/usr/bin/env bash
# Usage: bench/gpu/run.sh [--kit DIR] [--out DIR] [PART...]
# Tests and measures onnxlab on an NVIDIA GPU, in these parts and this order:
#
#   info    the GPU, its driver, and the versions of what is used
#   tests   gradients and losses against PyTorch on the same GPU and against the CPU, mixed
#           precision, where nodes run, Ctrl-C, kill and resume
#   step    training steps compared with PyTorch, at batch 128, 1024 and 8192
#   epoch   training on augmented images compared with PyTorch, and the time spent waiting for data
#   study   the study's grid on MNIST (bench/gpu/study.yaml)
#
# Each part has a time limit, and writes its output and its measurements into DIR (runs/gpu) as it
# goes. If a part fails, the next ones run all the same, and the exit status is 1. On a machine
# without Go, --kit names a folder that bench/gpu/pack.sh has made elsewhere; otherwise the script
# makes that folder itself. It needs a python3 with PyTorch for CUDA and NumPy, and gcc for
# torch.compile.
set -euo pipefail
cd "$(dirname "$0")/../.."

kit='' out=runs/gpu parts=()
while [ $# -gt 0 ]; do
  case $1 in
  --kit) kit=$2; shift 2 ;;
  --out) out=$2; shift 2 ;;
  info | tests | step | epoch | study) parts+=("$1"); shift ;;
  *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(info tests step epoch study)
[ -n "$kit" ] || { kit=bench/gpu/.kit; bench/gpu/pack.sh "$kit"; }
mkdir -p "$out"
kit=$(realpath "$kit") out=$(realpath "$out")

threads=$(nproc)
export ONNXLAB_ORT_LIBRARY=$kit/onnxruntime/libonnxruntime.so.1
export PYTHONPATH=$PWD/bench PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export TORCHINDUCTOR_COMPILE_THREADS=$threads TORCHINDUCTOR_CACHE_DIR=$out/inductor
# If NVIDIA's libraries are in PyTorch's packages, onnxlab finds them through this variable.
VIRTUAL_ENV=$(python3 -c 'import sys; print(sys.prefix)')
export VIRTUAL_ENV

# limits of the parts, in seconds
declare -A limit=([info]=60 [tests]=240 [step]=240 [epoch]=120 [study]=300)

run_info() {
  nvidia-smi || true
  python3 -c 'import torch, numpy; print("PyTorch", torch.__version__, "cuDNN", torch.backends.cudnn.version(), "NumPy", numpy.__version__)'
  "$kit/pipeline" runtime info --device cuda
}

# Compiles the kernels that torch.compile needs in run_step, while the tests run: these do not
# measure time.
run_tests() {
  compile_ahead >"$out/compile.log" 2>&1 &
  local status=0
  python3 bench/gpu/reference.py "$out/reference.npz" || status=1
  export ONNXLAB_TEST_DEVICE=cuda ONNXLAB_GPU_REFERENCE=$out/reference.npz
  gotest ort/session session.test -test.run '^TestStudyOnGPU$' || status=1
  gotest pipeline pipeline.test -test.run '^TestGPU$' || status=1
  # TestGPUThread needs a fake GPU, and Go and Maven to make it.
  gotest ort/session session.test -test.skip '^(TestStudyOnGPU|TestGPUThread)$' || status=1
  wait
  return $status
}

# gotest DIR BINARY [ARGUMENT...] runs tests in DIR, appends all that they print to BINARY.log, and
# prints the results and what the tests found.
gotest() {
  local dir=$1 binary=$2 status=0
  shift 2
  (cd "$dir" && "$kit/$binary" -test.v "$@") >"$out/part.log" 2>&1 || status=1
  cat "$out/part.log" >>"$out/$binary.log"
  grep -E '^ *[a-z_]+_test.go:|^ *--- (FAIL|PASS)|^(PASS|FAIL|panic)' "$out/part.log" | cut -c 1-180 | grep -v '(0.0.s)' | head -60 || true
  return $status
}

compile_ahead() {
  local batch more
  for batch in 128 1024 8192; do
    for more in "" --bf16; do
      # shellcheck disable=SC2086
      echo run 1 | python3 bench/step/torch_peer.py --device cuda --compile --batch $batch --threads "$threads" $more
    done
  done
}

run_step() {
  local status=0 batch
  for batch in 128 1024; do
    compare step "step-$batch" --batch $batch --rounds 10 --steps $((batch == 128 ? 50 : 20)) || status=1
    "$kit/pipeline" bench step --profile --steps 10 --set runtime.device=cuda --set train.batch_size=$batch || status=1
  done
  # All contestants at once do not fit into the memory of a GPU.
  compare step step-8192-compiled --batch 8192 --rounds 7 --steps 5 --contestants onnxlab,onnxlab-fp16,torch-compile,torch-compile-bf16 || status=1
  compare step step-8192 --batch 8192 --rounds 7 --steps 5 --contestants onnxlab,torch,torch-bf16 || status=1
  return $status
}

run_epoch() {
  local contestants=onnxlab,onnxlab-fp16,torch-torchvision,torch-compile-torchvision
  if python3 -c 'import albumentations' 2>/dev/null; then
    contestants+=,torch-albumentations,torch-compile-albumentations,torch-compile-bf16-albumentations
  fi
  compare epoch epoch --rounds 7 --steps 50 --contestants $contestants
}

# compare BENCH NAME [ARGUMENT...] runs one comparison and writes its figures to NAME.json.
compare() {
  local bench=$1 name=$2
  shift 2
  python3 "bench/$bench/run.py" --device cuda --pipeline "$kit/pipeline" --threads "$threads" --json "$out/$name.json" "$@"
}

# If the time is up, the report shows the cells that are complete. Running this part again continues.
run_study() {
  timeout --signal=INT "$1" "$kit/pipeline" sweep --config bench/gpu/study.yaml --set "data.path=$kit/mnist" --out "$out/study" --jobs 4 --resume ||
    { "$kit/pipeline" report "$out/study"; return 1; }
}

# part NAME runs a part in its own shell. timeout ends that shell and everything that it started.
part() {
  local begun=$SECONDS status=0
  printf '\n==> %s (%d s so far, at most %d s)\n' "$1" "$SECONDS" "${limit[$1]}"
  # The part gets a limit that is 20 s shorter, so that it can end its programs itself.
  timeout --kill-after=5 "${limit[$1]}" bash -euo pipefail -c "run_$1 $((limit[$1] - 20))" 2>&1 | tee "$out/$1.log" || status=1
  printf '%s: %s after %d s\n' "$1" "$([ $status = 0 ] && echo done || echo FAILED)" $((SECONDS - begun))
  return $status
}

export kit out threads
export -f run_info run_tests run_step run_epoch run_study gotest compile_ahead compare
failed=0
for name in "${parts[@]}"; do
  part "$name" || failed=1
done
exit $failed

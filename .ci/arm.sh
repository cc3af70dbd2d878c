#!/usr/bin/env bash
# Compiles for 64-bit ARM, and tests under emulation the parts that differ there: the kernels, the
# passes that use them, sessions, augmentation, and a smoke training. It also compiles the C
# code for macOS. As root, on Debian or Ubuntu; on an ARM machine .ci/run tests all of it.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$1 # a folder for downloads
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

install_packages() {
  command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64-static >/dev/null && return
  echo "install a compiler and an emulator for ARM"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross qemu-user-static >/dev/null
}

# Writes a file like /proc/cpuinfo on an ARM processor with two cores. ONNX Runtime reads that
# file, and the emulated program crashes if it gets the one of the x86 processor.
write_cpuinfo() {
  for core in 0 1; do
    printf 'processor\t: %s\n' "$core"
    printf 'Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp\n'
    printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\n'
  done >"$work/cpuinfo"
}

# Runs an ARM program in the given folder.
emulate() {
  local folder=$1
  shift
  (cd "$folder" && unshare --mount bash -c 'mount --make-rprivate / && mount --bind "$0" /proc/cpuinfo &&
    exec qemu-aarch64-static -L /usr/aarch64-linux-gnu "$@"' "$work/cpuinfo" "$@")
}

# Compiles the tests of a package and runs those that are named.
emulate_tests() {
  local package=$1 names=$2 program
  echo "$package"
  program=$(mktemp -p "$work")
  CC=aarch64-linux-gnu-gcc GOOS=linux GOARCH=arm64 CGO_ENABLED=1 go test -c -o "$program" "$package"
  emulate "$package" "$program" -test.run "$names" >"$program.log" 2>&1 || {
    cat "$program.log" >&2
    echo ".ci/arm.sh: the tests of $package failed" >&2
    exit 1
  }
  grep -q '^PASS$' "$program.log"
}

emulate_kernels() {
  echo ./ort/kernels
  (cd ort/kernels && aarch64-linux-gnu-gcc -static -O2 -std=gnu11 -Wall -Wextra -Werror -o "$work/kernels" \
    kernels_test.c testing.c reference.c neon.c statistics.c -lm -pthread)
  emulate . "$work/kernels" 4
}

# Compiles each C file of the package as cgo does on Macs, with a compiler that has Apple's
# headers for C.
compile_for_macs() {
  echo "compile for darwin/arm64"
  local zig=$tools/zig
  [ -e "$zig/ziglang" ] || "${PYTHON:-python3.11}" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$zig" ziglang==0.15.2
  local file
  for file in filled neon operators register statistics tensor; do
    PYTHONPATH=$zig "${PYTHON:-python3.11}" -m ziglang cc -target aarch64-macos -O2 -std=gnu11 -Wall -Wextra -Werror \
      -c -o "$work/$file.o" "ort/kernels/$file.c"
  done
}

test_arithmetic() {
  emulate_kernels
  emulate_tests ./onnxmodels/lower/native '^Test(NativeBatchNorm|Fuse.*|Native|NativeRefuses|NativeWindows|NativeMaxPool|NativeDepthwise|NativeGemm|EndConvolutions)$'
  emulate_tests ./ort/session '^Test(GradientAgreesWithPyTorch|GradientIsThatOfTraining|GradientOfWideLayers|GreyInference)$'
}

# An emulated program mostly uses one core, so two of them run at the same time.
install_packages
write_cpuinfo
test_arithmetic &
compile_for_macs
emulate_tests ./pipeline '^TestSmokeHistory$'
emulate_tests ./augment .
emulate_tests ./augment/batch .
wait $!

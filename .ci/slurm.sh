#!/usr/bin/env bash
# Trains a sweep of twelve cells on a Slurm of three nodes and has everything happen to
# it that happens on clusters: of the first cells one is cancelled, one is put back into
# the queue, one is preempted, one comes to its time limit, two are on a node that is
# lost while they live on, and the last cell fails for good. The models must have the
# bytes of a local sweep, and the status must be right all along. As root.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
pipeline=$work/pipeline
root=$work/sweep
export SLURM_CONF=$work/cluster/slurm.conf
trap '.ci/cluster.sh down "$work/cluster" || true; rm -rf "$work"' EXIT

fail() {
  echo ".ci/slurm.sh: $1" >&2
  [ -d "$root" ] || exit 1
  "$pipeline" sweep --status "$root" >&2 || true
  tail -n 15 "$root"/slurm/*.log >&2 || true
  exit 1
}

# Installs the packages where they are missing. Their services are not started: the
# cluster has daemons of its own.
install_packages() {
  command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return
  echo "install Slurm"
  apt-get update -qq
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge >/dev/null
}

experiment() {
  cat <<-YAML
	name: twelve
	data: {source: synthetic, train: 512, validation: 64}
	model: {widths: [4], convolutions: 1}
	train: {epochs: 20, batch_size: 16, checkpoint_steps: 16, keep_checkpoints: 1}
	optimizer: {learning_rate: 0.05, reference_batch: 16}
	schedule: {decay_epochs: []}
	runtime: {threads: 1}
	sweep:
	  conditions: [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, diverges]
	  batch_sizes: [16]
	  seeds: [1]
	  definitions:
	    diverges: {optimizer: {learning_rate: 1000, momentum: 0.99}, augment: {recipe: none}}
	YAML
  local i
  for i in 0 1 2 3 4 5 6 7 8 9 10; do
    echo "    c$i: {augment: {recipe: medium}, optimizer: {learning_rate: 0.0$((i + 10))}}"
  done
}

# A field of a cell, as the command's status tells it: of c3 state
field() {
  "$pipeline" sweep --status "$root" --json |
    python3 -c 'import json, sys
name, key = sys.argv[1:]
print(next(c.get(key, "") for c in json.load(sys.stdin)["cells"] if c["condition"] == name))' "$1" "$2"
}

# Waits so many seconds until a condition holds.
within() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $end ] || fail "$what: not after a long time"
    sleep 0.5
  done
}

is() { [ "$(field "$1" "$2")" = "$3" ]; }
has_snapshot() { compgen -G "$root/$1/16/checkpoints/step-*" >/dev/null; }
told_to_stop() { [ $((16#$(awk '/^ShdPnd/ {print $2}' "/proc/$1/status") & 16#4000)) != 0 ]; } # by SIGTERM
is_back() { [ "$(field "$1" restarts)" != "" ] || is "$1" state complete; }
job() { field "$1" job; }

# The exit status of a command that is to fail.
status_of() {
  local status=0
  "$@" >"$work/out" 2>&1 || status=$?
  echo $status
}

# The process that trains a cell.
trainer() { pgrep -f -- "program-[0-9a-f]*/pipeline train --sweep $root --cell $1:16:1 .*--resume" | head -n 1; }

# Runs the image's command in its own root, which has nothing but what it needs.
in_image() {
  unshare --mount bash -euc '
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    shift
    exec env -i "$@"
  ' image "$work/image" $(sed -n 's/^ENV //p' Dockerfile) \
    "$(command -v chroot)" "$work/image" /usr/bin/pipeline "$@" >"$work/out" 2>&1 || fail "the image: $(cat "$work/out")"
}

# It decodes photographs with libjpeg-turbo, and trains.
check_image() {
  docker/root.sh "$pipeline" "$work/image"
  mkdir "$work/image/proc" "$work/image/sys" "$work/image/dev" "$work/image/data"
  cp configs/smoke.yaml "$work/image/data"
  in_image runtime info
  grep -q '^jpeg  *libjpeg-turbo [0-9.]* (environment), ' "$work/out" || fail "the image decodes photographs with: $(cat "$work/out")"
  in_image train --config /data/smoke.yaml --set train.epochs=1 --out /data/run
  [ -s "$work/image/data/run/summary.json" ] || fail "the image has trained nothing"
}

install_packages
go build -o "$pipeline" ./pipeline
check_image
experiment >"$work/twelve.yaml"

echo "a local sweep, for comparison"
[ "$(status_of "$pipeline" sweep --config "$work/twelve.yaml" --out "$work/local" --jobs 2)" = 1 ] ||
  fail "the local sweep: $(cat "$work/out")"

mkdir -p "$work/cluster"
.ci/cluster.sh up "$work/cluster" 3 >/dev/null
echo "submitted after $SECONDS s"
"$pipeline" sweep --config "$work/twelve.yaml" --out "$root" --on slurm --slurm '--time=30'
first_job=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[0]["id"])' "$root/slurm/jobs.json")

echo "it is not submitted twice, nor trained here meanwhile"
[ "$(status_of "$pipeline" sweep --config "$work/twelve.yaml" --out "$root" --on slurm)" = 2 ] || fail "a second submission"
[ "$(status_of "$pipeline" sweep --out "$root" --resume --on slurm)" = 4 ] || fail "a second submission with --resume"
[ "$(status_of "$pipeline" sweep --out "$root" --resume)" = 4 ] || fail "a local sweep beside the array"

# They are held up as soon as they have saved, so that they live as long as it takes.
held=()
for cell in c0 c1 c2 c3 c4 c5; do
  within 60 "$cell runs and has saved" has_snapshot "$cell"
  held+=("$(trainer "$cell")")
  [ -n "${held[-1]}" ] || fail "$cell has ended before it could be held up: the machine is too busy"
  kill -STOP "${held[-1]}"
done
for cell in c0 c1 c2 c3 c4 c5; do
  is "$cell" state running || fail "$cell does not run"
done
is c8 state pending || fail "c8 does not wait for a node"
node_of_lost=$(field c4 node)
[ "$(field c5 node)" = "$node_of_lost" ] || fail "c4 and c5 are on different nodes"
node_of_preempted=$(field c3 node)
[ "$(field c2 node)" = "$node_of_preempted" ] || fail "c2 and c3 are on different nodes"
echo "all six slots run after $SECONDS s"

# The processes on the lost node hang until their successors ask for the directories.
hanging=("${held[@]:4}")
.ci/cluster.sh lose "$work/cluster" "$node_of_lost"
scancel "$(job c0)"
scontrol update JobId="$(job c1)" TimeLimit=2
scontrol requeue "$(job c2)"
urgent=$(sbatch --parsable --partition=first --nodelist="$node_of_preempted" --ntasks=1 --cpus-per-task=2 \
  --output=/dev/null --wrap 'sleep 3')
sleep 1
kill -CONT "${held[0]}" "${held[2]}" "${held[3]}" 2>/dev/null || true # some have ended

within 30 "c0 is cancelled" is c0 state lost
echo "c0 is lost after $SECONDS s; only it is submitted again"
"$pipeline" sweep --out "$root" --resume --on slurm --slurm '--time=30' >"$work/again" 2>&1 || fail "$(cat "$work/again")"
grep -q 'are pending or running and are left alone' "$work/again" || fail "$(cat "$work/again")"
grep -q '^submitted 1 cells as job' "$work/again" || fail "$(cat "$work/again")"
[ "$(field c0 state)" != lost ] || fail "c0 is still lost"

within 60 "c1 is told that its time is up" told_to_stop "${held[1]}"
kill -CONT "${held[1]}"
within 60 "c1 is back in the queue" is_back c1
scontrol update JobId="${first_job}_1" TimeLimit=30
within 60 "c2 is back in the queue" is_back c2
within 60 "c3 is back from its preemption" is_back c3
echo "c1, c2 and c3 are back after $SECONDS s"
within 90 "c4 runs again" is_back c4
within 90 "c5 runs again" is_back c5
echo "c4 and c5 are back from the lost node after $SECONDS s; their first processes wake up"
within 60 "c4 runs elsewhere" is c4 state running
within 60 "c5 runs elsewhere" is c5 state running
[ "$(field c4 node)" != "$node_of_lost" ] || fail "c4 is still on the lost node"
kill -CONT "${hanging[@]}"

[ "$(status_of "$pipeline" sweep --status "$root" --wait)" = 1 ] || fail "the sweep's end: $(cat "$work/out")"
echo "ended after $SECONDS s"
grep -q '11 complete, 1 failed' "$work/out" || fail "$(cat "$work/out")"
is diverges state failed || fail "diverges has not failed"
grep -q 'loss is' <<<"$(field diverges reason)" || fail "the reason of the failure is '$(field diverges reason)'"
within 30 "the report's job" test -z "$(squeue --noheader --jobs="$urgent" 2>/dev/null)"

for i in 0 1 2 3 4 5 6 7 8 9 10; do
  cmp "$work/local/c$i/16/model.onnx" "$root/c$i/16/model.onnx" || fail "the model of c$i differs"
done
grep -q '^diverges,16,1,1,failed' "$root/summary.csv" || grep -q '^diverges,.*failed' "$root/summary.csv" || fail "the report does not tell the failure"
for i in 1 2 3 4 5; do
  grep -q "^.* job ${first_job}_$i, restart 1, after step-" "$root/slurm/${first_job}_$i.log" || fail "c$i was not started again"
done
grep -q 'state saved: back into the queue' "$root/slurm/${first_job}_1.log" || fail "c1 has not asked for its return"
for i in 4 5; do
  grep -q 'ended with status 130' "$root/slurm/${first_job}_$i.log" || fail "c$i has not left its directory to its successor"
done
echo "all models have the bytes of the local sweep"

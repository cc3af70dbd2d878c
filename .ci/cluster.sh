#!/usr/bin/env bash
# A Slurm cluster of several nodes on this machine, for the stage slurm. As root:
#
#   .ci/cluster.sh up FOLDER NODES     starts it and prints the path of its configuration
#   .ci/cluster.sh lose FOLDER NODE    kills the node's daemon, but not the jobs that it runs
#   .ci/cluster.sh down FOLDER         ends it
#
# Each node is a daemon with a port of its own and two processors. All files lie in
# FOLDER. Packages of Debian and Ubuntu: slurmctld slurmd slurm-client
# slurm-wlm-basic-plugins munge.
set -euo pipefail
action=$1
folder=$(realpath "$2")
port=${CLUSTER_PORT:-26817}
conf=$folder/slurm.conf
export SLURM_CONF=$conf

# Tries a command until it succeeds, for at most so many seconds.
patiently() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}

configure() {
  local nodes=$1 host
  host=$(hostname -s)
  {
    echo "ClusterName=ci"
    echo "SlurmctldHost=$host(127.0.0.1)"
    echo "SlurmctldPort=$port"
    echo "SlurmUser=root"
    # Before Slurm starts a requeued job, it waits until the job's credential has expired.
    echo "AuthInfo=socket=$folder/munge.socket,cred_expire=5"
    echo "StateSaveLocation=$folder/state"
    echo "SlurmctldPidFile=$folder/slurmctld.pid"
    echo "SlurmctldLogFile=$folder/slurmctld.log"
    echo "SlurmdPidFile=$folder/%n.pid"
    echo "SlurmdLogFile=$folder/%n.log"
    echo "SlurmdSpoolDir=$folder/spool-%n"
    # Containers may not let us make control groups, and have no accounting.
    echo "ProctrackType=proctrack/linuxproc"
    echo "TaskPlugin=task/none"
    echo "JobAcctGatherType=jobacct_gather/none"
    echo "AccountingStorageType=accounting_storage/none"
    echo "MpiDefault=none"
    echo "SelectType=select/cons_tres"
    echo "SelectTypeParameters=CR_CPU_Memory"
    echo "SchedulerParameters=bf_interval=1,batch_sched_delay=0,requeue_delay=1"
    echo "SlurmdTimeout=5"
    echo "KillWait=10"
    echo "ReturnToService=2"
    echo "PreemptType=preempt/partition_prio"
    echo "PreemptMode=REQUEUE"
    local i
    for ((i = 1; i <= nodes; i++)); do
      echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + i)) CPUs=2 RealMemory=3000"
    done
    echo "PartitionName=cells Nodes=ALL Default=YES DefMemPerCPU=100 State=UP"
    echo "PartitionName=first Nodes=ALL PriorityTier=2 PreemptMode=OFF DefMemPerCPU=100 State=UP"
  } >"$conf"
  echo "CgroupPlugin=cgroup/v1" >"$folder/cgroup.conf" # with the plugins above, nothing reads it
}

queue_empty() { [ -z "$(squeue --noheader)" ]; }

ended() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }

all_idle() { [ "$(sinfo --noheader --partition=cells --format=%t | sort -u)" = idle ]; }

up() {
  local nodes=$1 i
  mkdir -p "$folder/state"
  chmod 711 "$folder"
  configure "$nodes"
  dd if=/dev/urandom of="$folder/munge.key" bs=256 count=1 status=none
  chmod 400 "$folder/munge.key"
  # --force: folders above this one, such as /tmp, may be writable by everyone
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" 2>>"$folder/munged.log"
  slurmctld -f "$conf"
  patiently 20 scontrol ping
  for ((i = 1; i <= nodes; i++)); do
    mkdir -p "$folder/spool-n$i"
    slurmd -f "$conf" -N "n$i"
  done
  patiently 30 all_idle || {
    sinfo -N -l
    tail -n 20 "$folder"/*.log
    return 1
  } >&2
  echo "$conf"
}

down() {
  local file pid
  scancel --full --user=root 2>/dev/null || true
  patiently 15 queue_empty || true
  for file in "$folder"/n*.pid "$folder/slurmctld.pid" "$folder/munged.pid"; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || continue
    patiently 10 ended "$pid" || kill -9 "$pid" 2>/dev/null || true
  done
}

case $action in
up) up "$3" ;;
lose) kill -9 "$(cat "$folder/$3.pid")" ;;
down) down ;;
*)
  echo "usage: .ci/cluster.sh up FOLDER NODES | lose FOLDER NODE | down FOLDER" >&2
  exit 2
  ;;
esac

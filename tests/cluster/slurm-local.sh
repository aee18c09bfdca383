#!/usr/bin/env bash
# slurm-local.sh: a real, single-node SLURM on this machine, for tests and CI.
#
#   slurm-local.sh start    install what is missing, configure, start, and wait
#                           until a job really runs (idempotent; exit 0 = ready)
#   slurm-local.sh status   exit 0 if the controller answers and the node is up
#   slurm-local.sh stop     cancel jobs, stop the daemons (idempotent)
#
# Debian/Ubuntu, as root, without systemd. The daemons are ordinary background
# processes and do not survive a reboot or the end of the container; call `start` again.
#
# Settings (environment):
#   SLURM_LOCAL_CPUS    CPUs to announce          (default: 4, or more if nproc is)
#   SLURM_LOCAL_MEM_MB  memory to announce, MiB   (default: 3/4 of MemTotal)
#   SLURM_LOCAL_GPUS    pretend GPUs, gres "gpu"  (default: 2; 0 for none)
#   SLURM_LOCAL_DIR     state, spool and logs     (default: /var/lib/slurm-local)
set -euo pipefail

CPUS=${SLURM_LOCAL_CPUS:-$(( $(nproc) > 4 ? $(nproc) : 4 ))}
MEM_MB=${SLURM_LOCAL_MEM_MB:-$(awk '/^MemTotal:/ {print int($2 / 1024 * 3 / 4)}' /proc/meminfo)}
GPUS=${SLURM_LOCAL_GPUS:-2}
DIR=${SLURM_LOCAL_DIR:-/var/lib/slurm-local}
HOST=$(hostname -s)

CONF=/etc/slurm/slurm.conf          # where every client looks when SLURM_CONF is unset
MARK='# written by slurm-local.sh'   # a config without this line is never touched
unset SLURM_CONF

say() { echo "slurm-local: $*" >&2; }
die() { say "$*"; exit 1; }

# --- helpers -----------------------------------------------------------------

# alive PIDFILE NAME: is the process in PIDFILE running, and is it really NAME?
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]
}

# end PIDFILE NAME: TERM, wait up to 10 s, then KILL. Only ever our own process.
end() {
  local pid i
  if alive "$1" "$2"; then
    pid=$(cat "$1")
    kill "$pid"
    for i in $(seq 100); do alive "$1" "$2" || break; sleep 0.1; done
    alive "$1" "$2" && kill -KILL "$pid" && say "$2 ($pid) had to be killed"
  fi
  rm -f "$1"
}

node_up() {
  # idle, mixed or allocated, with no '*' (= not responding) behind it
  sinfo -h -N -n "$HOST" -o '%T' 2>/dev/null | grep -qxE 'idle|mixed|allocated'
}

# --- steps of start ----------------------------------------------------------

install_packages() {
  local p missing=()
  for p in munge slurm-client slurmctld slurmd; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  apt-get update -qq -o DPkg::Lock::Timeout=300
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" >/dev/null
}

write_config() {
  if [ -e "$CONF" ] && ! grep -qF "$MARK" "$CONF"; then
    die "$CONF exists and is not mine: this looks like a real cluster, so I leave it alone"
  fi
  install -d -m 0755 /etc/slurm "$DIR" "$DIR/state" "$DIR/spool" "$DIR/log" "$DIR/run"

  cat > "$CONF" <<CONF
$MARK
ClusterName=local
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# How long a launch credential lives; a requeued job is held back this long (default 120 s).
AuthInfo=cred_expire=5
CredType=cred/munge

# No systemd, no usable cgroups: track processes through /proc, bind nothing.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none

# No database. Finished jobs stay in 'scontrol show job' for MinJobAge seconds
# (the stand-in for sacct reads them there) and in log/jobcomp.txt for good.
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$DIR/log/jobcomp.txt
MinJobAge=3600

# Real scheduling by CPU and memory, so that jobs which ask too much do queue.
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,sched_min_interval=200000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=512

# Jobs in "debug" preempt jobs in "preempt", which are requeued; they first get
# the signal asked for with 'sbatch --signal' and then GraceTime seconds.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
# Requeue as big clusters do, but without their waits.
JobRequeue=1
KillWait=30
CompleteWait=0
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
InactiveLimit=0

StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool
SlurmctldPidFile=$DIR/run/slurmctld.pid
SlurmdPidFile=$DIR/run/slurmd.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd.log
SlurmctldDebug=info
SlurmdDebug=info

# config_overrides: believe the CPU count below although the machine may have
# fewer, so that multi-task jobs start on a small CI machine.
SlurmdParameters=config_overrides
$( [ "$GPUS" -gt 0 ] && echo "GresTypes=gpu" )
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEM_MB$( [ "$GPUS" -gt 0 ] && echo " Gres=gpu:$GPUS" ) State=UNKNOWN
PartitionName=debug Nodes=$HOST Default=YES MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=preempt Nodes=$HOST Default=NO MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 State=UP
CONF

  # Pretend GPUs: slurm books them and sets CUDA_VISIBLE_DEVICES, nothing is there.
  # Without a device file per GPU slurmd reports none (and the node becomes INVAL),
  # so each one gets a copy of /dev/null.
  if [ "$GPUS" -gt 0 ]; then
    local i
    for i in $(seq 0 $((GPUS - 1))); do
      [ -c "$DIR/gpu$i" ] || mknod "$DIR/gpu$i" c 1 3
    done
    printf '%s\nNodeName=%s Name=gpu File=%s/gpu[0-%d]\n' \
      "$MARK" "$HOST" "$DIR" $((GPUS - 1)) > /etc/slurm/gres.conf
  elif grep -qsF "$MARK" /etc/slurm/gres.conf; then
    rm -f /etc/slurm/gres.conf
  fi
}

# Without a database the real sacct fails, and submitit, which asks nothing else,
# then waits for ever on a job that ended without a result (scancel, OOM, crash).
# This stand-in answers the one question submitit asks, from scontrol:
#   sacct -o JobID,State,NodeList --parsable2 -j ID [-j ID]...
write_sacct() {
  local to=/usr/local/bin/sacct
  if [ -e "$to" ] && ! grep -qF "$MARK" "$to"; then die "$to exists and is not mine"; fi
  cat > "$to" <<SACCT
#!/bin/bash
$MARK
SACCT
  cat >> "$to" <<'SACCT'
fields=JobID,JobName,State,NodeList ids=()
while [ $# -gt 0 ]; do
  case "$1" in
    -o|--format) fields=$2; shift ;;
    --format=*)  fields=${1#*=} ;;
    -j|--jobs)   ids+=(${2//,/ }); shift ;;
    --jobs=*)    ids+=(${1#*=}) ;;
  esac
  shift
done
echo "${fields//,/|}"
for id in "${ids[@]:-}"; do scontrol -o show job $id 2>/dev/null; done |
awk -v fields="$fields" '
  { delete v
    for (i = 1; i <= NF; i++) { p = index($i, "="); if (p) { k = substr($i, 1, p - 1); if (!(k in v)) v[k] = substr($i, p + 1) } }
    if (!("JobId" in v)) next
    id = v["JobId"]
    if ("ArrayTaskId" in v) id = v["ArrayJobId"] "_" (v["ArrayTaskId"] ~ /^[0-9]+$/ ? v["ArrayTaskId"] : "[" v["ArrayTaskId"] "]")
    v["JobID"] = id; v["State"] = v["JobState"]
    n = split(fields, f, ","); line = ""
    for (i = 1; i <= n; i++) line = line (i > 1 ? "|" : "") v[f[i]]
    print line
  }'
SACCT
  chmod 0755 "$to"
}

start_munge() {
  munge -n 2>/dev/null | unmunge >/dev/null 2>&1 && return   # one answers already
  [ -s /etc/munge/munge.key ] || /usr/sbin/mungekey --create
  chown munge:munge /etc/munge /etc/munge/munge.key
  install -d -m 0755 -o munge -g munge /run/munge
  install -d -m 0700 -o munge -g munge /var/lib/munge /var/log/munge
  runuser -u munge -- /usr/sbin/munged --force
  munge -n | unmunge >/dev/null || die "munged does not answer; see /var/log/munge/munged.log"
}

start_daemons() {
  local i
  # -c on the controller forgets old jobs: a test cluster starts empty.
  alive "$DIR/run/slurmctld.pid" slurmctld || /usr/sbin/slurmctld -c
  for i in $(seq 100); do scontrol ping 2>/dev/null | grep -q 'UP' && break; sleep 0.1; done
  alive "$DIR/run/slurmd.pid" slurmd || /usr/sbin/slurmd -N "$HOST"
  for i in $(seq 150); do node_up && return; sleep 0.1; done
  # A node that once was lost or overbooked stays down until told otherwise.
  scontrol update NodeName="$HOST" State=RESUME || true
  for i in $(seq 100); do node_up && return; sleep 0.1; done
  tail -n 20 "$DIR"/log/slurmctld.log "$DIR"/log/slurmd.log >&2 || true
  die "the node did not come up"
}

# --- commands ----------------------------------------------------------------

start() {
  [ "$(id -u)" = 0 ] || die "start needs root"
  install_packages
  if status >/dev/null 2>&1; then say "already running"; return; fi
  write_config
  write_sacct
  start_munge
  start_daemons
  [ "$(timeout 30 srun -n1 -t1 --mem=16 echo ok)" = ok ] || die "the node is up but ran no job"
  say "ready: $(sinfo -h -o '%P %T %c CPUs %m MiB %G' | tr '\n' ';')"
}

stop() {
  if [ -e "$CONF" ] && ! grep -qF "$MARK" "$CONF"; then die "$CONF is not mine"; fi
  if scontrol ping 2>/dev/null | grep -q 'UP'; then
    scancel -p debug,preempt --quiet 2>/dev/null || true
    for _ in $(seq 80); do [ -z "$(squeue -h 2>/dev/null)" ] && break; sleep 0.1; done
  fi
  end "$DIR/run/slurmd.pid" slurmd
  end "$DIR/run/slurmctld.pid" slurmctld
  [ -S /run/munge/munge.socket.2 ] && runuser -u munge -- /usr/sbin/munged --stop >/dev/null 2>&1 || true
  say "stopped"
}

status() {
  scontrol ping 2>/dev/null | grep -q 'UP' || { say "controller is down"; return 1; }
  sinfo -N -o '%N %P %T %c %m %G'
  squeue
  node_up || { say "node is not up"; return 1; }
}

case "${1:-}" in
  start|stop|status) "$1" ;;
  *) sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2; exit 2 ;;
esac

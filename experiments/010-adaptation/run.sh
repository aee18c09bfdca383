#!/usr/bin/env bash
# The adaptation benchmark, two runs at a time: bash experiments/010-adaptation/run.sh [key=value ...]
# It continues from the runs in outputs and in runs/; without runs/, from nothing.
# LAUNCHER=slurm runs job arrays; key=value changes all sweeps, such as seed=0.
set -uo pipefail
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1 # more threads take sums in another order
fidip=.venv/bin/fidip
here=experiments/010-adaptation
failed=0
sweep() { "$fidip" train -m "hydra/launcher=${LAUNCHER:-local}" sweep.resume=true "$@" || failed=1; }
"$fidip" synthesize preset=adaptation out=data/adaptation || exit
.venv/bin/python "$here/archive.py" unpack outputs "$here/runs" || exit
start=outputs/adaptation_start.safetensors
[[ -f $start ]] || .venv/bin/python "$here/start.py" data/adaptation "$start" || exit
for target in home clinic night far; do
  for seed in 0 1 2; do # what source_free starts from: fine-tuning without labels of the target
    "$fidip" train experiment=adaptation target=$target data.target_labels=0 seed=$seed resume=auto \
      hydra.run.dir=outputs/adaptation_source/$target/$seed || exit
  done
done
for name in adaptation adaptation_replay adaptation_source_free adaptation_norm; do
  sweep sweep="$name" "$@"
done
for name in adaptation adaptation_norm; do
  sweep sweep="$name" "$@" method=finetune data.target_labels=null # supervised: all labels of the target
done
.venv/bin/python "$here/criteria.py" outputs "$here/criteria.csv" || exit
.venv/bin/python "$here/report.py" outputs "$here" || exit
exit "$failed"

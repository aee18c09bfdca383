#!/usr/bin/env bash
# Three seeds of the demo's experiments, scratch with four times the updates, and their table:
# bash experiments/002-demo/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${RUNS:-outputs/002-demo}
export OMP_NUM_THREADS=1 # more threads take sums in another order
train() { # RUN_NAME key=value ...
  local run=$runs/$1
  shift
  [ -f "$run/results.json" ] || .venv/bin/fidip train data.root=data/demo hydra.run.dir="$run" "$@"
}
.venv/bin/fidip synthesize preset=demo out=data/demo
for seed in ${SEEDS:-0 1 2}; do
  for name in scratch finetune fidip; do
    train "${name}_$seed" experiment="${name}_demo" seed="$seed"
  done
done
train scratch_28_epochs experiment=scratch_demo name=scratch_28_epochs seed=0 trainer.max_epochs=28 trainer.check_val_every_n_epoch=7
.venv/bin/fidip compare runs="$runs/*" against=finetune_demo out="$runs/comparison"
cp "$runs"/comparison/{results,differences}.csv experiments/002-demo/

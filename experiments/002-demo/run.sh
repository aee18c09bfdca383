#!/usr/bin/env bash
# Three seeds of the demo's experiments, scratch at the compute of pretraining and fine-tuning together,
# and their table: bash experiments/002-demo/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=outputs/002-demo
train() { # RUN_NAME key=value ...
  local run=$runs/$1
  shift
  [ -f "$run/results.json" ] || .venv/bin/fidip train data.root=data/demo hydra.run.dir="$run" "$@"
}
.venv/bin/fidip synthesize preset=demo out=data/demo
for seed in 0 1 2; do
  train scratch_$seed experiment=scratch_demo seed=$seed
  train finetune_$seed experiment=finetune_demo seed=$seed
  train fidip_$seed experiment=fidip_demo seed=$seed
done
# As many updates as 40 epochs of 12,000 adults and 15 of the infants.
train scratch_long_0 experiment=scratch_demo name=scratch_equal_compute seed=0 \
  trainer.max_epochs=247 trainer.check_val_every_n_epoch=10
.venv/bin/fidip compare runs="$runs/*" out="$runs/comparison"
cp "$runs/comparison/results.csv" experiments/002-demo/results.csv

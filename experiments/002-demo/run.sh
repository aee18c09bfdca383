#!/usr/bin/env bash
# Three seeds of the demo's experiments, scratch and pretraining at equal compute, and their table:
# bash experiments/002-demo/run.sh
# With EQUAL_COMPUTE=1 scratch gets as many updates as the package's adult weights and fine-tuning: five hours more.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=outputs/002-demo
export OMP_NUM_THREADS=1 # more threads take sums in another order
train() { # RUN_NAME key=value ...
  local run=$runs/$1
  shift
  [ -f "$run/results.json" ] || .venv/bin/fidip train data.root=data/demo hydra.run.dir="$run" "$@"
}
scratch_for() { # EPOCHS
  train "scratch_$1_epochs" experiment=scratch_demo name="scratch_$1_epochs" seed=0 \
    trainer.max_epochs="$1" trainer.check_val_every_n_epoch=5
}
.venv/bin/fidip synthesize preset=demo out=data/demo
for seed in 0 1 2; do
  for name in scratch finetune fidip; do
    train "${name}_$seed" experiment="${name}_demo" seed="$seed"
  done
done
# At equal compute: 51 epochs of 63 updates on infants, or 18 of 122 on adults and then 16 of 63 on infants.
scratch_for 51
adults="[{group: adult, look: varied, is_synthetic: false, count: 4000}]"
.venv/bin/fidip synthesize preset=adults preset.splits.train_adult="$adults" out=data/adults_4000
adult_weights=outputs/002-demo-adults
[ -f $adult_weights/results.json ] ||
  .venv/bin/fidip train experiment=pretrain_demo data.root=data/adults_4000 seed=0 trainer.max_epochs=18 hydra.run.dir=$adult_weights
train finetune_from_18_epochs experiment=finetune_demo name=finetune_from_18_epochs seed=0 ckpt=$adult_weights/checkpoints/best.ckpt
# 130 epochs of 366 updates on adults and 16 of 63 on infants are 771 of 63.
[ -z "${EQUAL_COMPUTE:-}" ] || scratch_for 771
.venv/bin/fidip compare runs="$runs/*" against=finetune_demo out="$runs/comparison"
cp "$runs"/comparison/{results,differences}.csv experiments/002-demo/

#!/usr/bin/env bash
# Three seeds of each of the demo's experiments, and their table: bash experiments/002-demo/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=outputs/002-demo
.venv/bin/fidip synthesize preset=demo out=data/demo
for seed in 0 1 2; do
  for name in scratch finetune fidip; do
    run=$runs/${name}_$seed
    [ -f "$run/results.json" ] && continue
    .venv/bin/fidip train experiment="${name}_demo" data.root=data/demo seed="$seed" hydra.run.dir="$run"
  done
done
.venv/bin/fidip compare runs="$runs/*" out="$runs/comparison"
cp "$runs/comparison/results.csv" experiments/002-demo/results.csv

#!/usr/bin/env bash
# Sequence networks from nothing: bash experiments/012-sequence/run.sh [key=value ...]
# The same command continues it. key=value changes both trainings, such as trainer.max_epochs=2.
set -euo pipefail
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1 # more threads take sums in another order
here=experiments/012-sequence fidip=.venv/bin/fidip
"$fidip" synthesize preset=clips_hard out=data/clips_hard
"$fidip" synthesize preset=sequence out=data/sequence
for form in offline causal; do
  "$fidip" train experiment=sequence_$form data.root=data/clips_hard data.train_split=clips_train \
    data.test_split=clips_test hydra.run.dir=outputs/sequence/$form resume=auto "$@"
done
nets=(single=bundled:movenet-infant offline=outputs/sequence/offline causal=outputs/sequence/causal)
.venv/bin/python $here/compare.py data/clips_hard clips_test $here/results_hard.csv "${nets[@]}"
.venv/bin/python $here/compare.py data/sequence validate_clips $here/results.csv "${nets[@]}"

#!/usr/bin/env bash
# Self-training without labels, from nothing, on one thread: bash experiments/013-self-training/run.sh [key=value ...]
# The same command continues it. STARTS, SUBJECTS, CLIPS and OUTPUTS in the environment change what runs; key=value are
# settings of fidip.cli.self_training, such as rounds=2.
set -euo pipefail
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1 # more threads take sums in another order
here=experiments/013-self-training clips=${CLIPS:-data/clips_hard} outputs=${OUTPUTS:-outputs/self_training}
.venv/bin/fidip synthesize preset=clips_hard out="$clips" workers=1
for start in ${STARTS:-movenet-infant movenet-lightning}; do
  for subject in ${SUBJECTS:-1 2 3 4 5}; do
    .venv/bin/python $here/adapt.py "$clips" "$subject" "$outputs/$start/$subject" "bundled:$start" 0 \
      'runtime="torch"' trust=0 "$@"
  done
done
.venv/bin/python $here/report.py "$clips" "$outputs" $here
.venv/bin/python $here/accepted.py "$clips" bundled:movenet-infant $here/accepted.csv
.venv/bin/python $here/accepted.py "$clips" bundled:movenet-lightning $here/accepted_lightning.csv

#!/usr/bin/env bash
# Four clips of 10 s of appearance home and the table of filters on them: bash experiments/004-smoothing/run.sh [RESULTS.csv CKPT]
set -euo pipefail
cd "$(dirname "$0")/../.."
here=experiments/004-smoothing
clips=data/clips_smoothing_4
.venv/bin/fidip synthesize preset=clips out=$clips workers=2 preset.number=4 preset.seconds=10 preset.fps=15 preset.appearance=home \
  'preset.postures=[supine,prone,side,sitting]'
.venv/bin/python $here/table.py $clips "${1:-$here/results.csv}" "${@:2}"

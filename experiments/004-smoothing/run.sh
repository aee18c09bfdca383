#!/usr/bin/env bash
# Two clips in the home look and the table of filters on them: bash experiments/004-smoothing/run.sh [RESULTS.csv CKPT]
set -euo pipefail
cd "$(dirname "$0")/../.."
here=experiments/004-smoothing
clips=data/clips_smoothing
.venv/bin/fidip synthesize preset=clips out=$clips preset.number=2 preset.seconds=5 preset.look=home 'preset.postures=[supine,prone]'
.venv/bin/python $here/table.py $clips "${1:-$here/results.csv}" "${@:2}"

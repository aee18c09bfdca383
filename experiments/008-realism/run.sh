#!/usr/bin/env bash
# MoveNet on rendered people, from nothing: bash experiments/008-realism/run.sh THUNDER.json DIR
# THUNDER.json: movenet-thunder.json of experiment 007, with its .bin beside it. DIR: where images and results go.
set -euo pipefail
thunder=$1
work=$2
here=$(dirname "$0")
looks="clean varied home clinic night far"

splits=""
for look in $looks; do
  for part in infant:100 adult:60; do
    group=${part%:*} count=${part#*:}
    splits+="validate_${group}_$look: [{group: $group, appearance: $look, is_synthetic: false, count: $count}], "
  done
done
fidip synthesize preset=demo '~preset.splits' "+preset.splits={${splits%, }}" out="$work/data" workers=1
python "$here/control.py" "$work/control"
python "$here/judge.py" "$thunder" "$work" thunder
python "$here/judge.py" bundled:movenet-lightning "$work" lightning
python "$here/table.py" "$work" "$here"

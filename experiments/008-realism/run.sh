#!/usr/bin/env bash
# MoveNet on rendered people, from nothing: bash experiments/008-realism/run.sh THUNDER.json DIR
# THUNDER.json: movenet-thunder.json of experiment 007, with its .bin beside it. DIR: where images and results go.
set -euo pipefail
thunder=$(realpath "$1")
work=$(realpath -m "$2")
here=$(dirname "$0")
looks="clean varied home clinic night far"

splits=""
for look in $looks; do
  for part in infant:300 adult:200; do
    group=${part%:*} count=${part#*:}
    splits+="validate_${group}_$look: [{group: $group, look: $look, is_synthetic: false, count: $count}], "
  done
done
fidip synthesize preset=demo '~preset.splits' "+preset.splits={${splits%, }}" out="$work/data" more_labels=joints workers=1

judge() { # name, arguments of fidip evaluate for the net, folder of images, split
  local out="$work/results/$1/$(basename "$3")/$4"
  [ -f "$out/results.json" ] || fidip evaluate $2 experiment=pretrain_free task.flip_test=false \
    data.root="$3" data.test_split="$4" data.num_workers=0 data.batch_size=25 out="$out"
}
thunder="ckpt=$thunder net=movenet_thunder_full codec=movenet_256"
lightning="ckpt=bundled:movenet-lightning net=movenet_lightning_full codec=movenet_192"

for file in "$work"/data/annotations/person_keypoints_*.json; do
  split=$(basename "$file" .json)
  split=${split#person_keypoints_}
  python "$here/turn.py" "$work/data" "$split" "$work/upright"
  for images in data upright; do
    judge thunder "$thunder" "$work/$images" "$split"
    judge lightning "$lightning" "$work/$images" "$split"
  done
done
python "$here/table.py" "$work" "$here"

#!/usr/bin/env bash
# Which frames to label, from nothing, on one thread: bash experiments/011-frames/run.sh [WORK [OUTPUTS]]
# The same command continues it. CLIPS, LENGTH, COUNTS, SEEDS and UPDATES in the environment change its size.
set -uo pipefail
cd "$(dirname "$0")/../.."
here=experiments/011-frames
work=${1:-data/frames} outputs=${2:-outputs/frames}
export OMP_NUM_THREADS=1 # more threads take sums in another order
bin=.venv/bin
failed=0
for part in pool:0 test:1; do # another seed renders other infants, rooms and movements
  "$bin/fidip" synthesize preset=clips out="$work/${part%:*}" seed="${part#*:}" workers=1 preset.fps=15 \
    preset.number="${CLIPS:-16}" preset.seconds="${LENGTH:-10}" preset.appearance=home \
    preset.postures=[supine,prone,side,sitting] || exit
done
"$bin/python" $here/truth.py "$work/test" "$work/labelled" test || exit
for seed in ${SEEDS:-0 1 2}; do
  for count in ${COUNTS:-10 25 50}; do
    for choice in useful random uniform; do
      name=$choice-$count-$seed
      if [ ! -e "$work/chosen/$name/frames.csv" ]; then
        "$bin/fidip" frames source="$work/pool/videos" out="$work/chosen/$name" choice="$choice" count="$count" \
          seed="$seed" ckpt=bundled:movenet-lightning device=cpu || [ $? = 3 ] || exit # 3: fewer different frames
      fi
      "$bin/python" $here/truth.py "$work/pool" "$work/labelled" "$name" "$work/chosen/$name/frames.csv" || exit
      "$bin/fidip" train experiment=finetune_demo name="frames-$choice-$count" seed="$seed" \
        data.root="$work/labelled" data.train_split="$name" data.test_split=test data.source_split=null \
        data.balanced=false data.val_fraction=0 optimizer.lr=1e-4 data.batch_size=10 data.num_workers=0 trainer=cpu \
        trainer.max_epochs=$((${UPDATES:-120} * 10 / count)) \
        hydra.run.dir="$outputs/$choice-$count/$seed" resume=auto || failed=1
    done
  done
done
"$bin/python" $here/report.py "$outputs" $here || exit
exit "$failed"

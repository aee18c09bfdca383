#!/usr/bin/env bash
# What unlabelled frames add to 25 labelled ones, on one thread:
#     bash experiments/016-unlabelled-frames/run.sh [WORK [OUTPUTS]]
# The same command continues it. CLIPS, LENGTH, ADULTS, RUNS, SEEDS and UPDATES in the environment change its size.
set -uo pipefail
cd "$(dirname "$0")/../.."
here=experiments/016-unlabelled-frames
frames=experiments/011-frames
work=${1:-data/frames} outputs=${2:-outputs/unlabelled_frames}
data=$work/with_unlabelled
export OMP_NUM_THREADS=1 # more threads take sums in another order
bin=.venv/bin
failed=0
for part in pool:0 test:1; do # the clips of experiment 011
  "$bin/fidip" synthesize preset=clips out="$work/${part%:*}" seed="${part#*:}" workers=1 preset.fps=15 \
    preset.number="${CLIPS:-16}" preset.seconds="${LENGTH:-10}" preset.appearance=home \
    preset.postures=[supine,prone,side,sitting] || exit
done
others=(~preset.splits.train_adult)
for target in home clinic night far; do
  others+=("~preset.splits.train_infant_$target" "~preset.splits.validate_infant_$target")
done
"$bin/fidip" synthesize preset=adaptation out="$data" workers=1 preset.adults="${ADULTS:-200}" "${others[@]}" || exit
"$bin/python" $frames/truth.py "$work/test" "$data" test || exit
"$bin/python" $frames/truth.py "$work/pool" "$data" unlabelled || exit
for seed in ${SEEDS:-0 1 2 3 4}; do
  name=random-25-$seed
  if [ ! -e "$work/chosen/$name/frames.csv" ]; then
    "$bin/fidip" frames source="$work/pool/videos" out="$work/chosen/$name" choice=random count=25 \
      seed="$seed" ckpt=bundled:movenet-lightning device=cpu || [ $? = 3 ] || exit # 3: fewer different frames
  fi
  "$bin/python" $frames/truth.py "$work/pool" "$data" "$name" "$work/chosen/$name/frames.csv" || exit
  for run in ${RUNS:-finetune finetune_12 mean_teacher}; do
    target=null batch=24
    case $run in
      mean_teacher) target=unlabelled ;; # half of each batch
      finetune_12) batch=12 ;;           # as many labelled frames in a batch as with the mean teacher
    esac
    "$bin/fidip" train experiment=adapt_few method="${run%_12}" name="unlabelled-frames-$run" seed="$seed" \
      data.root="$data" data.train_split="$name" data.test_split=test data.target_split="$target" \
      data.target_labels=null data.balanced=false data.batch_size="$batch" data.num_workers=0 trainer=cpu \
      optimizer.lr=1e-4 trainer.max_epochs=1000 +trainer.max_steps="${UPDATES:-300}" \
      hydra.run.dir="$outputs/$run/$seed" resume=auto || failed=1
  done
done
"$bin/python" $here/report.py "$outputs" $here || exit
exit "$failed"

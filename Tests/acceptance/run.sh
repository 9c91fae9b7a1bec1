#!/bin/bash
# Does reward fine-tuning gain what it should? For each task a small model of letters is made, warmed up with a few right
# answers, and then trained twice for the same work: by rewards, and by more of the same answers. Three seeds each.
#
#   Tests/acceptance/run.sh              all tasks, about half an hour of two cores
#   TASKS=sorting SEEDS=1 JOBS=1 …       one of them; HONE names another executable, CURVES another folder for results
#   STAGES="rft sft-more" …              only these, from the warm-up that there is
#   STAGES= …                            trains nothing, and reads the runs that there are
#
# Writes one CSV a task with every measurement on 512 questions that no model has seen, sampled at temperature 1 and
# greedy, with 95 % Wilson intervals. Ends with 3 when a seed gains less than 15 points, or a run's answers are cut off.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HONE=${HONE:-.build/release/hone}
CURVES=${CURVES:-Tests/Fixtures/curves}
read -ra tasks <<<"${TASKS:-reverse_text chain_sum sorting countdown}"
read -ra seeds <<<"${SEEDS:-1 2 3}"
data=datasets/tasks

# Right answers for the warm-up: few, so that there is something left for rewards to teach.
demonstrations() { case $1 in reverse_text) echo 600 ;; chain_sum) echo 1000 ;; sorting) echo 120 ;; countdown) echo 250 ;; esac; }
level() { case $1 in reverse_text | chain_sum) echo 2 ;; *) echo 1 ;; esac; }

status=0
export STAGES=${STAGES-sft rft sft-more}
if [[ -n $STAGES ]]; then
  # One tokenizer for all: 256 bytes and three special tokens, so that every letter is a token.
  mkdir -p $data
  for task in reverse_text chain_sum sorting countdown; do
    mkdir -p $data/$task
    sample() { "$HONE" task sample $task --level "$(level $task)" --quiet "$@"; }
    sample --seed 1 --count "$(demonstrations $task)" --format sft -o $data/$task/sft.jsonl
    sample --seed 2 --count 6000 --format prompt -o $data/$task/prompts.jsonl
    sample --seed 3 --count 512 --split validation --format sft -o $data/$task/validation.jsonl
  done
  "$HONE" tokenizer train $data/*/sft.jsonl --vocabulary-size 259 -o $data/tokenizer --quiet

  train() { # task seed stage, then settings
    local run=runs/tasks/$1/seed-$2/$3 started=$SECONDS
    rm -rf "$run" # so that a failure is not taken for an earlier success
    "$HONE" train recipes/tasks/$1/$3.yaml --overwrite --threads 1 --quiet \
      --set seed=$2 --set output_dir="$PWD/$run" "${@:4}" >"runs/tasks/$1-$2-$3.log" 2>&1 ||
      { echo "$1, seed $2, $3 failed:"; tail -20 "runs/tasks/$1-$2-$3.log"; return 1; }
    echo "$1 seed $2 $3: $((SECONDS - started)) s"
  }
  both() { # task seed
    for stage in $STAGES; do
      if [[ $stage == sft ]]; then train "$1" "$2" sft; continue; fi
      train "$1" "$2" "$stage" --set model="$PWD/runs/tasks/$1/seed-$2/sft/final"
    done
  }
  export -f train both
  mkdir -p runs/tasks
  for task in "${tasks[@]}"; do for seed in "${seeds[@]}"; do echo "$task $seed"; done; done |
    xargs -P "${JOBS:-2}" -L 1 bash -c 'set -euo pipefail; both "$1" "$2"' both || status=3
fi

# The measurements that a run wrote down, a line each.
measurements() { # seed stage events
  awk -v seed="$1" -v stage="$2" '
    function member(name) { return match($0, "\"" name "\":[^,}]*") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) : "" }
    /^{"type":"eval"/ { suite = member("suite"); gsub("\"", "", suite)
      if (suite != "") printf "%s,%s,%d,%s,%.4f,%.4f,%.4f,%.4f\n", seed, stage, member("step"), suite, member("accuracy"), member("accuracy_low"), member("accuracy_high"), member("stopped") }' "$3"
}
mkdir -p "$CURVES"
for task in "${tasks[@]}"; do
  {
    echo "seed,stage,step,suite,accuracy,low,high,stopped"
    for seed in "${seeds[@]}"; do
      for stage in sft rft sft-more; do
        events=runs/tasks/$task/seed-$seed/$stage/events.jsonl
        if [[ -f $events ]]; then measurements "$seed" $stage $events; fi
      done
    done
  } >"$CURVES/$task.csv"
done

# Points of pass@1 at temperature 1, before and after.
printf '%-14s %4s %8s %8s %8s %8s %10s\n' task seed start rewards answers gain "over SFT"
for task in "${tasks[@]}"; do
  awk -F, -v task="$task" '
    NR > 1 && $4 == "sampled" { if ($2 == "sft") start[$1] = $5; if ($2 == "rft") { after[$1] = $5; stopped[$1] = $8 } if ($2 == "sft-more") more[$1] = $5 }
    END { for (seed in start) {
      gain = 100 * (after[seed] - start[seed])
      note = (start[seed] < 0.2 || start[seed] > 0.6 ? " start outside 20 to 60" : "") (gain < 15 ? " GAIN BELOW 15" : "") (stopped[seed] < 0.95 ? " CUT OFF" : "")
      printf "%-14s %4s %8.1f %8.1f %8.1f %+8.1f %+10.1f%s\n", task, seed, 100 * start[seed], 100 * after[seed], 100 * more[seed], gain, 100 * (after[seed] - more[seed]), note
      if (note ~ /GAIN|CUT/) failed = 1 }
      exit failed ? 3 : 0 }' "$CURVES/$task.csv" || status=3
done
exit $status

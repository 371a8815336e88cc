#!/bin/bash
# One study on a Ray cluster that lives as long as the allocation. To go on after its end, submit the same line again:
#   sbatch docs/cluster/slurm.sh --dataset speechcommands-35 --study words --trials 400 --workers 8 --gpus-per-trial 1
#SBATCH --job-name=bench
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-task=4
#SBATCH --time=12:00:00
#SBATCH --signal=B:INT@900
set -euo pipefail
# shellcheck disable=SC1091
source "${BENCH_VENV:-$SLURM_SUBMIT_DIR/.venv}/bin/activate"

# The decoded audio, the results and the study's database are where all nodes see them; a node without the cache is sent it.
export BENCH_DATA_DIR=${BENCH_DATA_DIR:-$SLURM_SUBMIT_DIR/data} BENCH_RESULTS_DIR=${BENCH_RESULTS_DIR:-$SLURM_SUBMIT_DIR/results}
# Others use these machines, too: without this job's own token, nobody uses its cluster.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" hostname --all-ip-addresses | cut -d ' ' -f 1)
port=$((20000 + SLURM_JOB_ID % 20000))
node=(ray start --block --disable-usage-stats --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}")

srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" \
    "${node[@]}" --head --node-ip-address="$address" --port="$port" --include-dashboard=false &
until ray status --address="$address:$port" >/dev/null 2>&1; do sleep 1; done
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    others=$((SLURM_JOB_NUM_NODES - 1))
    srun --overlap --nodes="$others" --ntasks="$others" --exclude="$first" "${node[@]}" --address="$address:$port" &
fi

# Fifteen minutes before the end SLURM interrupts this script: the study finishes what runs, and says how to go on.
bench run --executor ray --ray-address "$address:$port" "$@" &
study=$!
trap 'kill -INT "$study"' INT
code=0
wait "$study" || code=$?
while kill -0 "$study" 2>/dev/null; do # the wait above ends at the interruption
    code=0
    wait "$study" || code=$?
done
exit "$code"

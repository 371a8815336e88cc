#!/bin/sh
# Prepares a container before its command: reads the database's password from its secret file, and joins a Ray cluster if
# RAY_HEAD names one.
set -eu
if [ -r "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
if [ -n "${RAY_HEAD:-}" ]; then
    # The scheduler's container is a node without resources, since Ray talks to programs through the node that they are on.
    ray start --address="$RAY_HEAD" --num-cpus=0 --num-gpus=0 --disable-usage-stats >/dev/null
fi
exec "$@"

#!/bin/sh
# What a container does before its command: takes the database's password from the file that it alone was given, and joins a
# Ray cluster where it is told of one.
set -eu
if [ -r "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
if [ -n "${RAY_HEAD:-}" ]; then
    # Whoever hands out trials is a node without resources of its own: Ray speaks to programs through the node that they are on.
    ray start --address="$RAY_HEAD" --num-cpus=0 --num-gpus=0 --disable-usage-stats >/dev/null
fi
exec "$@"

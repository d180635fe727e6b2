#!/bin/sh
# Run a module of bench or tests from anywhere: tools/run.sh bench.report --small. ./test.sh has made its environment.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

for python in "$root"/.venv/3.13/bin/python "$root"/.venv/3.*/bin/python; do
    if [ -x "$python" ]; then
        PYTHONPATH="$root:$root/bin"
        export PYTHONPATH
        exec "$python" -m "$@"
    fi
done
echo "There is no environment in .venv/ yet: run ./test.sh once, which makes it." >&2
exit 1

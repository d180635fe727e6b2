#!/bin/sh
# Run a module of bench or tests: tools/run.sh bench.report --small. ./test.sh has made the environment that it needs.
set -eu
cd "$(dirname "$0")/.."

for python in .venv/3.13/bin/python .venv/3.*/bin/python; do
    if [ -x "$python" ]; then
        PYTHONPATH="$PWD:$PWD/bin"
        export PYTHONPATH
        exec "$python" -m "$@"
    fi
done
echo "There is no environment in .venv/ yet: run ./test.sh once, which makes it." >&2
exit 1

#!/bin/sh
# Fuzz what reads others' bytes: tools/fuzz.sh [--keep] [target] [seconds]. The fuzzer needs Python 3.11 to 3.13.
set -eu
cd "$(dirname "$0")/.."

for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 "${HOME:-}"/.pyenv/versions/3.1[123].*/bin/python3; do
    if [ -n "$candidate" ] &&
        "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
    then
        exec "$candidate" tools/fuzz.py "$@"
    fi
done
echo "Found no Python 3.11 to 3.13 with the venv module, which the fuzzer needs. Install one, or name it in PYTHON." >&2
exit 1

#!/bin/sh
# Run a Python script with the first Python 3.9 to 3.13 that has venv. PYTHON names one to prefer.
set -eu

runs() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

for candidate in "${PYTHON:-}" python3 python python3.13 python3.12 python3.11 python3.10 python3.9 \
    "${HOME:-}"/.pyenv/versions/*/bin/python3; do
    if [ -n "$candidate" ] && runs "$candidate"; then
        exec "$candidate" "$@"
    fi
done
echo "Found no Python 3.9 to 3.13 with the venv module. Install one, or name it in PYTHON." >&2
exit 1

#!/bin/sh
# Build dist/TA_secure_firewall_estreamer-<version>.spl and print its path as the last line.
# Needs a Python 3.9 to 3.13 with venv; PYTHON names one to prefer.
set -eu
cd "$(dirname "$0")"

runs() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

for candidate in "${PYTHON:-}" python3 python python3.13 python3.12 python3.11 python3.10 python3.9 \
    "${HOME:-}"/.pyenv/versions/*/bin/python3; do
    if [ -n "$candidate" ] && runs "$candidate"; then
        exec "$candidate" tools/package.py "$@"
    fi
done
echo "package.sh: found no Python 3.9 to 3.13 with the venv module. Install one, or name it in PYTHON." >&2
exit 1

#!/bin/sh
# Write the hashes of the versions that lib/requirements.txt names into it, after a version was changed there.
set -eu
cd "$(dirname "$0")/.."
exec tools/python.sh tools/libraries.py

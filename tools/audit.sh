#!/bin/sh
# Ask an advisory database about the libraries that ship. A database that is not reached is a failure.
set -eu
cd "$(dirname "$0")/.."
exec tools/python.sh tools/audit.py "$@"

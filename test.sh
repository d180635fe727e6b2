#!/bin/sh
# Set up what the tests need, and run everything. `./test.sh --help` says how to run less.
set -eu
cd "$(dirname "$0")"
exec tools/python.sh tools/test.py "$@"

#!/bin/sh
# List the tasks of this repository, or run one: ./tasks.sh [TASK [OPTIONS]]
set -eu
cd "$(dirname "$0")"
exec tools/python.sh tools/tasks.py "$@"

#!/bin/sh
# Build the add-on and see it work, against stand-ins or a real Management Center. `./demo.sh --help` tells more.
set -eu
cd "$(dirname "$0")"
exec tools/python.sh tools/demo.py "$@"

#!/bin/sh
# Inspect a package, or the only one in dist/, as Splunk does for its cloud.
set -eu
cd "$(dirname "$0")/.."
exec tools/python.sh tools/appinspect.py "$@"

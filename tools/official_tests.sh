#!/bin/sh
# Run the tests that Splunk's pytest-splunk-addon makes for a package, or for the only one in dist/.
set -eu
cd "$(dirname "$0")/.."
exec tools/python.sh tools/official_tests.py "$@"

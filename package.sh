#!/bin/sh
# Build dist/TA_secure_firewall_estreamer-<version>.spl and print its path as the last line.
set -eu
cd "$(dirname "$0")"
exec tools/python.sh tools/package.py "$@"

"""The connection check for the command line: see estreamer.cli.check."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

import sys

from estreamer.cli.check import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

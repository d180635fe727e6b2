"""The modular input that splunkd starts: see estreamer.splunkd.modular_input."""

import import_declare_test  # noqa: F401 - makes the libraries importable  # isort: skip

import sys

from estreamer.splunkd.modular_input import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer))

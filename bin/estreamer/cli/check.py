"""The connection check on the command line.

    $SPLUNK_HOME/bin/splunk cmd python3.9 bin/estreamer_check.py --host fmc.example.com --pkcs12 client.pkcs12

asks for the password of the file, prints each step and ends with 0 when all of them succeeded, else with 1.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import printable, settings
from ..connection import pkcs12
from ..errors import Problem
from ..input import check


def main(arguments: Sequence[str]) -> int:
    """Run the check as the command line asks; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        account = _account(options)
    except Problem as problem:
        _print(f"FAILED: {problem.text} [{problem.code}]")
        return 1
    steps = check.run(account, timeout=options.timeout, say=_print_step)
    return 0 if steps[-1].ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="estreamer_check.py", description="Check an eStreamer connection.")
    parser.add_argument("--host", required=True, help="name or address of the Management Center")
    parser.add_argument(
        "--port", type=_port, default=settings.DEFAULT_PORT, help="port of its eStreamer service (%(default)s)"
    )
    parser.add_argument("--pkcs12", required=True, metavar="FILE", help="the file that it made for this client")
    parser.add_argument("--password-env", metavar="NAME", help="environment variable that holds the file's password")
    parser.add_argument("--fingerprint", default="", help="SHA-256 of the only server certificate to accept")
    parser.add_argument("--legacy-certificates", action="store_true", help="accept old signatures and key sizes")
    parser.add_argument(
        "--timeout", type=float, default=check.TIMEOUT, help="seconds that the check may take (%(default)s)"
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError
    return port


def _account(options: argparse.Namespace) -> settings.Account:
    """Return the account that the options describe; the password comes from the environment or a prompt only."""
    data = _read_file(options.pkcs12)
    return settings.Account(
        name="check",
        host=settings.parse_host(options.host),
        port=options.port,
        pkcs12=data,
        pkcs12_password=_password(options.pkcs12, options.password_env),
        fingerprint=settings.parse_fingerprint(options.fingerprint),
        legacy_certificates=options.legacy_certificates,
    )


def _password(path: str, variable: str | None) -> str:
    if variable is None:
        return getpass.getpass(f"Password of {path} (empty: none): ")
    if variable not in os.environ:
        raise Problem("password_not_set", f"The environment variable {variable} is not set: it holds the password.")
    return os.environ[variable]


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(pkcs12.MAX_SIZE + 1)
    except OSError as error:
        raise Problem("pkcs12_not_readable", f"The file {path} cannot be read: {error.strerror}.") from None


def _print_step(step: check.Step) -> None:
    if step.problem is None:
        _print(f"ok: {step.name}: {step.text}")
    else:
        _print(f"FAILED: {step.name}: {step.text} [{step.problem.code}]")


def _print(line: str) -> None:
    sys.stdout.write(printable.line(line) + "\n")
    sys.stdout.flush()

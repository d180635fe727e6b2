"""Splunk's own tests of add-ons, against the real Splunk."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from environment import ROOT, StepFailure
from steps import Step, take

from .settings import HEC_TOKEN, Settings, Skip

MINUTES = 90.0
COMMAND = ("tools/official_tests.sh",)
LOG = ROOT / "build" / "real_lane" / "official.log"
WRITTEN = ROOT / "build" / "official"


@dataclass(frozen=True)
class Official:
    """How the tests are run: by a command, within `minutes`; what they write is in `log` and below `written`."""

    command: Sequence[str] = COMMAND
    minutes: float = MINUTES
    log: Path = LOG
    written: Path = field(default=WRITTEN)


def refuse_what_is_unsafe(settings: Settings) -> None:
    """Raise Skip where the tests cannot run, or would hand the password to whoever answers."""
    if not settings.hec_token:
        raise Skip(f"they bring their events by the HTTP Event Collector, and {HEC_TOKEN} is not set.")
    if not settings.password:
        raise Skip("they log in with a user and a password, and a token was given.")
    if not settings.address.local:
        raise Skip(
            "they do not verify whom they give the password to, so they run only against a Splunk on this machine's "
            "loopback address."
        )
    if settings.address.scheme != "https":
        raise Skip("they speak TLS to the management port, and this one does not.")


def run(settings: Settings, package: str, how: Official) -> str:
    """Run the tests; return the sentence about them. Raises Skip or StepFailure."""
    refuse_what_is_unsafe(settings)
    try:
        socket.create_connection((settings.address.host, settings.hec_port), 10).close()
    except OSError as error:
        # The tool would wait an hour for it.
        raise StepFailure(f"Nothing answers at the HTTP Event Collector's port {settings.hec_port}: {error}") from None
    variables = {
        "ESTREAMER_SPLUNK_HOST": settings.address.host,
        "ESTREAMER_SPLUNK_PORT": str(settings.address.port),
        "ESTREAMER_SPLUNK_USER": settings.user,
        "ESTREAMER_SPLUNK_PASSWORD": settings.password,
        "ESTREAMER_SPLUNK_HEC_PORT": str(settings.hec_port),
        HEC_TOKEN: settings.hec_token,
    }
    command = [*how.command, package, "--splunk-type=external"]
    how.log.parent.mkdir(parents=True, exist_ok=True)
    result = take(Step("official tests", "Splunk's own tests of add-ons", command, how.minutes, variables), how.log)
    showing = secrets_in([how.log, *how.written.rglob("*")], settings.secrets)
    for path in showing:
        path.unlink()
    if showing:
        raise StepFailure(f"A secret stood in {', '.join(path.name for path in showing)}, which is removed.")
    if result.outcome != "passed":
        raise StepFailure(f"They {result.outcome}: {how.log} says how.")
    return f"passed; their log is {how.log}"


def secrets_in(paths: Sequence[Path], secrets: Sequence[str]) -> list[Path]:
    """Return the files that have a secret in them."""
    wanted = [one.encode("utf-8") for one in secrets]
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    return [path for path in files if any(one in path.read_bytes() for one in wanted)]

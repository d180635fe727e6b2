"""What the lane is asked to do: the command line, and the environment, in which alone secrets stand.

Needs nothing but the standard library, so that a lane without a Splunk ends before anything is prepared.
"""

from __future__ import annotations

import argparse
import getpass
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from steps import SKIPPED

HOME = "SPLUNK_HOME"
ADDRESS = "ESTREAMER_SPLUNK"
PASSWORD = "ESTREAMER_SPLUNK_PASSWORD"  # noqa: S105 - the name of a variable
TOKEN = "ESTREAMER_SPLUNK_TOKEN"  # noqa: S105 - the name of a variable
HEC_TOKEN = "ESTREAMER_SPLUNK_HEC_TOKEN"  # noqa: S105 - the name of a variable
SECRET_VARIABLES = (PASSWORD, TOKEN, HEC_TOKEN)

MANAGEMENT = "https://127.0.0.1:8089"
DEFAULT_CERTIFICATE = "SplunkServerDefaultCert"
"""The common name of the certificate that Splunk makes for itself."""

MOST_EVENTS = 20_000
"""The events are read back in one answer, of which splunkd gives at most 50,000 rows (maxresultrows in limits.conf)."""


class Skip(Exception):
    """Something cannot be done here, which is not a failure. The text says why."""


@dataclass(frozen=True)
class Address:
    """Where a management port is."""

    scheme: str
    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether it is on this machine's loopback interface."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Secrets(NamedTuple):
    """What is known to nobody else. One of password and token is empty; so may the collector's token be."""

    password: str = ""
    token: str = ""
    hec_token: str = ""


@dataclass(frozen=True)
class Settings:
    """A lane's task. Secrets are in no text that is made of it.

    `server_name` is what splunkd's certificate has to name, `ca` the file of the CAs that may have issued it, None for
    those of this system. `package_there` is where splunkd finds the package. `index` is one that is there, None for an
    index of the lane's own. Times are in seconds; `pause` is between two questions.
    """

    address: Address
    server_name: str
    ca: Path | None
    user: str
    package_there: str = ""
    fmc_address: str = "127.0.0.1"
    index: str | None = None
    keep_index: bool = False
    events: int = 2000
    stream_seconds: float = 300.0
    restart_seconds: float = 300.0
    search_seconds: float = 300.0
    pause: float = 1.0
    hec_port: int = 8088
    json: Path | None = None
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    hec_token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is to be shown nowhere."""
        return tuple(filter(None, (self.password, self.token, self.hec_token)))


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(
        prog="tools/real_splunk",
        allow_abbrev=False,
        description="Try the add-on in a real Splunk, and report. It installs the package there and restarts Splunk: "
        "use one that is for tests. docs/real_splunk.md says what it changes.",
        epilog=f"The password is read from the variable {PASSWORD}, an authentication token from {TOKEN}. Splunk's own "
        f"tests of add-ons need a token of the HTTP Event Collector in {HEC_TOKEN}. Status: 0 all passed, 1 something "
        f"failed, 2 wrong usage, {SKIPPED} skipped, since no Splunk is named.",
    )
    splunk = found.add_argument_group("which Splunk")
    splunk.add_argument("--splunk-home", type=Path, help=f"a Splunk on this machine (the variable {HOME})")
    splunk.add_argument(
        "--management", type=address_of, metavar="URL", help=f"its management port (the variable {ADDRESS})"
    )
    splunk.add_argument("--user", default="admin", help="who logs in there (admin)")
    # Refused without being shown again.
    splunk.add_argument("--password", help=argparse.SUPPRESS)
    splunk.add_argument("--password-fd", type=int, metavar="N", help="read the password from this descriptor")
    splunk.add_argument("--no-prompt", action="store_true", help="ask for no password; without one, skip")
    splunk.add_argument("--ca", type=Path, metavar="FILE", help="who may have issued splunkd's certificate, in PEM")
    splunk.add_argument("--server-name", metavar="NAME", help="whom splunkd's certificate names, if not its address")
    splunk.add_argument("--package-there", metavar="PATH", help="where splunkd finds the package, if elsewhere")
    splunk.add_argument("--hec-port", type=int, default=8088, help="of its HTTP Event Collector (8088)")
    task = found.add_argument_group("what to do there")
    task.add_argument("--fmc-address", default="127.0.0.1", metavar="IP", help="of this machine, as Splunk sees it")
    task.add_argument("--events", type=_count, default=2000, metavar="N", help="how many events are streamed (2000)")
    task.add_argument("--index", metavar="NAME", help="an index that is there; its events stay (default: one is made)")
    task.add_argument("--keep-index", action="store_true", help="leave the index that is made, with its events")
    task.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    return found


def read(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    ask: Callable[[str], str] = getpass.getpass,
    *,
    secrets: bool = True,
) -> Settings:
    """Return the settings. Raises Skip without a Splunk; ends the process with status 2 for wrong usage.

    Without `secrets`, none is read or asked for. `ask` asks a person for a password.
    """
    known = parser()
    options = known.parse_args(arguments)
    home, address = _splunk(known, options, environment)
    ca = options.ca or (home / "etc" / "auth" / "cacert.pem" if home else None)
    own_ca = home is not None and options.ca is None
    _refuse_what_is_unsafe(known, options, address, ca)
    if options.no_prompt and options.password_fd is None and not any(map(environment.get, (PASSWORD, TOKEN))):
        raise Skip(f"A Splunk is named, but neither {PASSWORD} nor {TOKEN} is set, so nothing was tried.")
    secret = _secrets(known, options, environment, ask) if secrets else Secrets()
    return Settings(
        address=address,
        server_name=options.server_name or (DEFAULT_CERTIFICATE if own_ca else address.host),
        ca=ca,
        user=options.user,
        package_there=options.package_there or environment.get("ESTREAMER_SPL", ""),
        fmc_address=options.fmc_address,
        index=options.index,
        keep_index=options.keep_index,
        events=options.events,
        hec_port=options.hec_port,
        json=options.json,
        password=secret.password,
        token=secret.token,
        hec_token=secret.hec_token,
    )


def _refuse_what_is_unsafe(
    known: argparse.ArgumentParser, options: argparse.Namespace, address: Address, ca: Path | None
) -> None:
    """End the process with status 2 where a password is, or would be, seen by others, or nobody could be verified."""
    if options.password is not None:
        known.error(f"everybody on this machine can read arguments: change that password, and use {PASSWORD}")
    if address.scheme == "http" and not address.local:
        known.error(f"{address} would have the password sent in clear: only loopback may do without TLS")
    if ca is not None and address.scheme == "https" and not ca.is_file():
        known.error(f"{ca} is not there: name the CA of splunkd's certificate by --ca")


def address_of(text: str) -> Address:
    """Return the parts of an address. Raises argparse.ArgumentTypeError for what is not `http(s)://host:port`."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.username is not None or parts.password is not None:
        raise argparse.ArgumentTypeError(f"put no name and no password into the address: use --user and {PASSWORD}")
    rest = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or not port or rest:
        raise argparse.ArgumentTypeError("an address is https://host:port")
    return Address(parts.scheme, parts.hostname, port)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_EVENTS:
        raise argparse.ArgumentTypeError(f"enter a whole number from 1 to {MOST_EVENTS}")
    return int(text)


def _splunk(
    known: argparse.ArgumentParser, options: argparse.Namespace, environment: Mapping[str, str]
) -> tuple[Path | None, Address]:
    """Return the SPLUNK_HOME, if there is one, and the management port. Raises Skip when neither is named."""
    given = options.splunk_home or (Path(environment[HOME]) if environment.get(HOME) else None)
    address: Address | None = options.management
    if address is None and environment.get(ADDRESS):
        try:
            address = address_of(environment[ADDRESS])
        except argparse.ArgumentTypeError as error:
            known.error(f"{ADDRESS}: {error}")
    if given is not None and not (given / "etc").is_dir():
        known.error(f"{given} has no folder etc: it is not a SPLUNK_HOME")
    if given is None and address is None:
        raise Skip(
            "No Splunk is named, so nothing was tried. Set SPLUNK_HOME, or name a management port by --management; "
            "docs/real_splunk.md says what else it takes."
        )
    return given, address or address_of(MANAGEMENT)


def _secrets(
    known: argparse.ArgumentParser,
    options: argparse.Namespace,
    environment: Mapping[str, str],
    ask: Callable[[str], str],
) -> Secrets:
    """Return the password or the token, and the collector's token."""
    hec_token = environment.get(HEC_TOKEN, "")
    if environment.get(TOKEN):
        return Secrets(token=environment[TOKEN], hec_token=hec_token)
    password = environment.get(PASSWORD, "")
    if options.password_fd is not None:
        password = _from_descriptor(known, options.password_fd)
    elif not password and not sys.stdin.isatty():
        known.error(f"there is nobody to ask for the password: set {PASSWORD} or {TOKEN}, or use --password-fd")
    elif not password:
        password = ask(f"Password of {options.user}: ")
    if not password:
        known.error("the password is empty")
    return Secrets(password=password, hec_token=hec_token)


def _from_descriptor(known: argparse.ArgumentParser, number: int) -> str:
    """Return the first line of a descriptor."""
    try:
        with os.fdopen(number, "rb") as file:
            return file.readline(4096).decode("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        known.error(f"the password cannot be read from descriptor {number}: {error}")

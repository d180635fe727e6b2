"""The built add-on in the stand-in for splunkd, with an account and an input made through its REST endpoints."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from standins.places import APP
from standins.splunkd import Splunkd, digest

ACCOUNT = f"{APP}_account"
INPUT = f"{APP}_estreamer_fqe"
STANZA = "estreamer_fqe://main"
PASSWORD = "correct-horse-battery"


def create_account(splunkd: Splunkd, server: FmcServer, name: str = "fmc") -> None:
    encoded = base64.b64encode(server.pkcs12(password=PASSWORD)).decode()
    form = {
        "name": name,
        "host": server.address,
        "port": str(server.port),
        "pkcs12": encoded,
        "pkcs12_password": PASSWORD,
        # Tests count the connections that the server sees.
        "check_connection": "0",
    }
    answer = splunkd.request("POST", ACCOUNT, form)
    assert answer.status == 201, answer.message


def create_input(splunkd: Splunkd, **settings: str) -> None:
    form = {"name": "main", "account": "fmc", "index": "main", "start_from": "oldest", **settings}
    answer = splunkd.request("POST", INPUT, form)
    assert answer.status == 201, answer.message


def switch(splunkd: Splunkd, on: bool) -> None:
    """Enable or disable the input, as the switch on the Inputs page does."""
    answer = splunkd.request("POST", f"{INPUT}/main", {"disabled": "0" if on else "1"})
    assert answer.status == 200, answer.message


def log_text(splunkd: Splunkd) -> str:
    """The text that the input has logged."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(splunkd.home.logs.glob("*estreamer_fqe*.log*")))


def digests_of(archive: Archive) -> list[str]:
    return [digest(record.payload.decode()) for record in archive.since(0)]


def lost(wanted: Sequence[str], arrived: Sequence[str]) -> int:
    return sum((Counter(wanted) - Counter(arrived)).values())


def doubled(wanted: Sequence[str], arrived: Sequence[str]) -> int:
    return sum((Counter(arrived) - Counter(wanted)).values())


def wait_for_all(splunkd: Splunkd, wanted: Sequence[str], timeout: float = 60.0) -> None:
    """Wait until each of these events has arrived at least as often as it is in the list; some may arrive more
    often."""
    deadline = time.monotonic() + timeout
    while True:
        count = splunkd.count()
        if not lost(wanted, splunkd.digests()):
            return
        splunkd.wait_for(count + 1, timeout=deadline - time.monotonic())


def install(splunkd: Splunkd, package: Path, server: FmcServer, **settings: str) -> None:
    """Install the add-on and make the account and the input; the input runs as soon as splunkd runs."""
    splunkd.install(package)
    create_account(splunkd, server)
    create_input(splunkd, **settings)

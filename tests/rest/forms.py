"""What the account and input forms send."""

from __future__ import annotations

import base64
import functools
from typing import Any

from standins.fmc.pki import shared_pki
from standins.fmc.server import FmcServer
from standins.places import APP
from standins.splunkd import Splunkd

ACCOUNT = f"{APP}_account"
INPUT = f"{APP}_estreamer_fqe"
CHECK = f"{APP}_check"
PREVIEW = f"{APP}_preview"
CATALOG = f"{APP}_catalog"
STATE = f"{APP}_state"
SETTINGS = f"{APP}_settings"
PASSWORD = "correct-horse-battery"
ANOTHER_PASSWORD = "another-horse-battery"
WRONG_PASSWORD = "mistaken-horse-battery"


@functools.cache
def pkcs12(**options: Any) -> str:
    """Return a client's file as a form sends it. Options are those of `Pki.pkcs12`."""
    return base64.b64encode(shared_pki().pkcs12(**{"password": PASSWORD, **options})).decode()


def account(name: str, /, **changes: str) -> dict[str, str]:
    """Return the form of an account that is not checked against a server."""
    form = {
        "name": name,
        "host": "127.0.0.1",
        "pkcs12": pkcs12(),
        "pkcs12_password": PASSWORD,
        "check_connection": "0",
    }
    return {**form, **changes}


def reachable(name: str, server: FmcServer, **changes: str) -> dict[str, str]:
    """Return the form of an account that can connect to the server, and is checked when it is saved."""
    encoded = base64.b64encode(server.pkcs12(password=PASSWORD)).decode()
    form = {"host": server.address, "port": str(server.port), "pkcs12": encoded, "check_connection": "1"}
    return account(name, **{**form, **changes})


def create(splunkd: Splunkd, path: str, form: dict[str, str]) -> dict[str, Any]:
    """Create something; return what the answer says of it."""
    answer = splunkd.request("POST", path, form)
    assert (answer.status, answer.message) == (201, "")
    return answer.entries[form["name"]]


def shown(splunkd: Splunkd, path: str, name: str) -> dict[str, Any]:
    """Return what a GET says of something."""
    return splunkd.request("GET", f"{path}/{name}").entries[name]


def checked(splunkd: Splunkd, name: str) -> dict[str, Any]:
    """Check the connection of a saved account; return what the answer says of it."""
    return splunkd.request("POST", f"{CHECK}/{name}", {}).entries[name]

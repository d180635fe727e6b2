"""An account, an index and an input in the add-on, made by the endpoints that its pages use."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass

from environment import StepFailure

from .client import APP, Management, Refused, named
from .undo import Undo

ACCOUNT = f"{APP}_account"
INPUT = f"{APP}_estreamer_fqe"
INDEXES = "/data/indexes"

EVENT_TYPES = "ConnectionEvent,IntrusionEvent,IntrusionPacket,FileEvent"
"""All of them; packets are not asked for by default."""

INDEX_SECONDS = 60.0
"""How long splunkd has to make an index."""


@dataclass(frozen=True)
class Names:
    """What the lane's own things are called: by a name that no earlier run has had."""

    name: str
    index: str

    @property
    def source(self) -> str:
        """The source of the input's events."""
        return f"estreamer_fqe://{self.name}"


def make_account(management: Management, undo: Undo, name: str, host: str, port: int, file: bytes, secret: str) -> None:
    """Make an account, with the check of its connection that the page has made, too."""
    undo.note(f"Remove the account {name} of the add-on", lambda: management.ask("DELETE", named(ACCOUNT, name)))
    form = {
        "name": name,
        "host": host,
        "port": str(port),
        "pkcs12": base64.b64encode(file).decode("ascii"),
        "pkcs12_password": secret,
    }
    management.ask("POST", ACCOUNT, form)


def make_index(management: Management, undo: Undo, name: str, keep: bool, pause: float) -> None:
    """Make an index, which is removed in the end unless it is to be kept, and wait until it is there."""
    if not keep:
        undo.note(f"Remove the index {name}", lambda: management.ask("DELETE", named(INDEXES, name)))
    management.ask("POST", INDEXES, {"name": name})
    deadline = time.monotonic() + INDEX_SECONDS
    while name not in management.entries(INDEXES):
        if time.monotonic() > deadline:
            raise StepFailure(f"splunkd took the index {name}, but does not list it after {INDEX_SECONDS:.0f} seconds.")
        time.sleep(pause)


def check_index(management: Management, name: str) -> None:
    """Raise StepFailure for an index that is not there."""
    if name not in management.entries(INDEXES):
        raise StepFailure(f"There is no index {name}: name one that is there, or leave --index out.")


def make_input(management: Management, undo: Undo, names: Names) -> None:
    """Make an input that asks for everything that the Management Center has."""
    undo.note(f"Disable and remove the input {names.name} of the add-on", lambda: remove_input(management, names.name))
    form = {
        "name": names.name,
        "account": names.name,
        "index": names.index,
        "start_from": "oldest",
        "event_types": EVENT_TYPES,
    }
    management.ask("POST", INPUT, form)


def remove_input(management: Management, name: str) -> None:
    """Disable an input, so that its process ends, and remove it."""
    path = named(INPUT, name)
    try:
        management.ask("POST", path, {"disabled": "1"})
    except Refused as refused:
        if refused.status == 404:
            return
    management.ask("DELETE", path)

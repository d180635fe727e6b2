"""The built add-on in a stand-in for Splunk, used as a person uses its pages: through its REST endpoints."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from tests.endtoend.addon import ACCOUNT, INPUT, log_text
from tests.splunkd import Event, Splunkd

NAME = "demo"
"""Of the account and of the input."""

INDEX = "main"

_WORD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


class DemoFailure(Exception):
    """Something did not go as it should; the text says what, in a sentence."""


class Addon:
    """The add-on, one account and one input of it."""

    def __init__(self, splunkd: Splunkd, package: Path) -> None:
        self._splunkd = splunkd
        self._lines_read = 0
        splunkd.install(package)

    def create_account(self, host: str, port: int, pkcs12: bytes, password: str, legacy: bool = False) -> None:
        """Create the account. Raises DemoFailure with the add-on's answer when it refuses."""
        form = {
            "name": NAME,
            "host": host,
            "port": str(port),
            "pkcs12": base64.b64encode(pkcs12).decode(),
            "pkcs12_password": password,
            "legacy_certificates": str(int(legacy)),
        }
        self._post("The account was refused", ACCOUNT, form, 201)

    def create_input(self, **settings: str) -> None:
        """Create the input. Raises DemoFailure with the add-on's answer when it refuses."""
        form = {"name": NAME, "account": NAME, "index": INDEX, **settings}
        self._post("The input was refused", INPUT, form, 201)

    def switch(self, on: bool) -> None:
        """Enable or disable the input."""
        self._post("The input could not be switched", f"{INPUT}/{NAME}", {"disabled": str(int(not on))}, 200)

    def wait_for(self, count: int, timeout: float = 60.0) -> list[Event]:
        """Wait until so many events have come, and return them. Raises DemoFailure with the log's last problem."""
        try:
            self._splunkd.wait_for(count, timeout=timeout)
        except TimeoutError:
            problems = [fields["problem"] for fields in self.new_log_lines() if "problem" in fields]
            last = f" The input's last word: {problems[-1]}" if problems else ""
            came = f"{self._splunkd.count():,} of {count:,} events came within {timeout:.0f} s."
            raise DemoFailure(came + last) from None
        return self._splunkd.events()

    def new_log_lines(self) -> list[Mapping[str, str]]:
        """Return the fields of the lines that the input has logged since the last time."""
        lines = log_text(self._splunkd).splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        fresh, self._lines_read = whole[self._lines_read :], len(whole)
        return [log_fields(line) for line in fresh]

    def _post(self, refused: str, endpoint: str, form: Mapping[str, str], wanted: int) -> None:
        answer = self._splunkd.request("POST", endpoint, form)
        if answer.status != wanted:
            raise DemoFailure(f"{refused}: {answer.message}")


def log_fields(line: str) -> dict[str, str]:
    """Return the fields of a line of the input's log."""
    return {
        name: re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        for name, value in _WORD.findall(line.partition(" | ")[2])
    }

"""A real Splunk for the tool's tests: where it is and who logs in stand in the environment, since arguments are public.

The tool logs what it connects with, the password included: `hide` keeps secrets out of every line that is logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

OPTION = "--splunk-type=external"

OPTIONS = {
    "ESTREAMER_SPLUNK_HOST": "--splunk-host",
    "ESTREAMER_SPLUNK_PORT": "--splunk-port",
    "ESTREAMER_SPLUNK_USER": "--splunk-user",
    "ESTREAMER_SPLUNK_PASSWORD": "--splunk-password",
    "ESTREAMER_SPLUNK_HEC_PORT": "--splunk-hec-port",
    "ESTREAMER_SPLUNK_HEC_TOKEN": "--splunk-hec-token",
}
"""The tool's options by the variables that have their values."""

SECRET = ("ESTREAMER_SPLUNK_PASSWORD", "ESTREAMER_SPLUNK_HEC_TOKEN")


def options(environment: Mapping[str, str]) -> list[str]:
    """Return the tool's options for the Splunk that the environment names. Ends the process if it names none."""
    missing = [name for name in OPTIONS if not environment.get(name)]
    if missing:
        raise SystemExit(f"{OPTION} needs the variables {', '.join(missing)}")
    return [f"{option}={environment[name]}" for name, option in OPTIONS.items()]


def secrets(environment: Mapping[str, str]) -> list[str]:
    """Return what is to be hidden: secrets as they are, and as they stand in JSON."""
    found = [environment[name] for name in SECRET if environment.get(name)]
    return [*found, *(json.dumps(one)[1:-1] for one in found)]


def hide(hidden: Sequence[str]) -> None:
    """Put stars into the place of these texts in every line that any logger of this process makes."""
    make = logging.getLogRecordFactory()

    def factory(*arguments: Any, **more: Any) -> logging.LogRecord:
        record = make(*arguments, **more)
        text = record.getMessage()
        if any(one in text for one in hidden):
            for one in hidden:
                text = text.replace(one, "***")
            record.msg, record.args = text, ()
        return record

    logging.setLogRecordFactory(factory)

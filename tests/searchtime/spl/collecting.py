"""Commands that write into an index, and that ask splunkd's REST API. Sources: "collect" and "rest" of the Search
Reference. Of either only what the add-on's searches use is played."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from tests.searchtime.evals.values import number, text

from .arguments import Arguments
from .data import Row
from .table import Action, Context, Table, generating, transforming

_MODELS = "/services/datamodel/model"
_PLAIN = re.compile(r"[^\"\\\r\n]*")


def _collect(context: Context, arguments: Arguments, table: Table) -> Table:
    """Write rows into a summary index; they go on as they are.

    A row becomes an event of sourcetype `stash`: its time, and its fields as name="value". What becomes of several
    values, of quotes and of line ends the references leave open: these are refused.
    """
    options = arguments.options({"index": str, "source": str})
    arguments.finish()
    if set(options) != {"index", "source"}:
        raise arguments.fail("needs an index and a source")
    for row in table.rows:
        context.data.collect(_stashed(context, arguments, row, options))
    return table


def _stashed(context: Context, arguments: Arguments, row: Row, options: dict[str, str]) -> Row:
    time = number(row.get("_time"))
    if time is None:
        raise arguments.fail("a row without _time would stand at the begin of the search")
    fields = {name: value for name, value in row.items() if not name.startswith("_") and value is not None}
    for name, value in fields.items():
        if isinstance(value, tuple) or not _PLAIN.fullmatch(text(value)):
            raise arguments.fail(f"{name} has several values, a quote, a backslash or a line end")
    written = {name: text(value) for name, value in fields.items()}
    moment = datetime.fromtimestamp(time, timezone.utc).strftime("%m/%d/%Y %H:%M:%S +0000")
    raw = ", ".join([moment, *(f'{name}="{value}"' for name, value in written.items())])
    place = {"index": options["index"], "source": options["source"], "sourcetype": "stash", "host": "search_head"}
    return {"_raw": raw, "_time": time, "_indextime": context.now, **written, **place}


def _rest(context: Context, arguments: Arguments) -> Table:
    """List the data models that the user may read: of each its name."""
    options = arguments.options({"splunk_server": str, "count": int})
    path = arguments.name()
    arguments.finish()
    if path != _MODELS:
        raise arguments.fail(f"{path} is not played")
    if options != {"splunk_server": "local", "count": 0}:
        raise arguments.fail(
            "asks all search peers without splunk_server=local, and may leave some out without count=0"
        )
    return Table([{"title": name} for name in context.data.data_models()], ["title"])


COMMANDS: dict[str, Action] = {"collect": transforming(_collect), "rest": generating(_rest)}

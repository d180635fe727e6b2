"""The command that queries splunkd's REST API. Source: "rest" of the Search Reference. Only what the add-on's searches
use is played."""

from __future__ import annotations

from .arguments import Arguments
from .table import Action, Context, Table, generating

_MODELS = "/services/datamodel/model"


def _rest(context: Context, arguments: Arguments) -> Table:
    """List the names of the data models that the user may read."""
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


COMMANDS: dict[str, Action] = {"rest": generating(_rest)}

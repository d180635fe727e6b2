"""The command iplocation, with a database of places that is part of the data. Source: its page of the Search
Reference."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Union

from standins.search.evals.values import text

from .arguments import Arguments, boolean
from .data import Row
from .table import Action, Context, Table, transforming

_USUAL = ("City", "Country", "Region", "lat", "lon")
_ALL = ("City", "Continent", "Country", "MetroCode", "Region", "Timezone", "lat", "lon")

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def _iplocation(context: Context, arguments: Arguments, table: Table) -> Table:
    options = arguments.options({"prefix": str, "allfields": boolean})
    field = arguments.name()
    arguments.finish()
    places = context.data.places()
    if places is None:
        raise arguments.fail("the data has no database of places")
    names = _ALL if options.get("allfields", False) else _USUAL
    known = {ipaddress.ip_network(network): place for network, place in places.items()}
    rows = []
    for row in table.rows:
        value = row.get(field)
        if isinstance(value, tuple):
            raise arguments.fail(f"several values of {field} are left open")
        place = None if value is None else _place(known, text(value))
        rows.append(row if place is None else {**row, **_fields(place, names, options.get("prefix", ""))})
    return table.with_columns(rows, [options.get("prefix", "") + name for name in names])


def _fields(place: Mapping[str, str], names: tuple[str, ...], prefix: str) -> Row:
    """Return the fields of a place: a field that the database does not have is empty."""
    return {prefix + name: place.get(name, "") for name in names}


def _place(known: Mapping[Network, Mapping[str, str]], value: str) -> Mapping[str, str] | None:
    """Return the place of an address or of a subnet: the one of the smallest network that contains it; None without
    one."""
    try:
        wanted = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
    holding: list[Any] = [
        network
        for network in known
        if network.version == wanted.version and wanted.subnet_of(network)  # type: ignore[arg-type]
    ]
    return known[max(holding, key=lambda network: network.prefixlen)] if holding else None


COMMANDS: dict[str, Action] = {"iplocation": transforming(_iplocation)}

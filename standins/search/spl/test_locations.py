"""iplocation, by the sentences of its page in the Search Reference."""

from __future__ import annotations

from typing import Any

import pytest

from .data import Knowledge
from .errors import SplError
from .samples import NOW, result

PLACES = {
    "198.51.100.0/24": {"City": "Redwood City", "Country": "United States", "Region": "California", "lat": "37.5"},
    "198.51.100.128/25": {"Country": "Canada", "Continent": "North America", "Timezone": "America/Toronto"},
    "2001:db8::/32": {"Country": "United States", "lat": "37.75100", "lon": "-97.82200"},
}


def located(search: str, **fields: Any) -> dict[str, Any]:
    """Run a search over one row, and return that row."""
    (row,) = result(f"* | {search}", Knowledge([{"_time": NOW, "_raw": "", **fields}], located=PLACES)).rows
    return {name: value for name, value in row.items() if name not in ("_time", "_raw")}


def test_fields_of_the_place_of_an_address_are_added_and_those_not_known_are_empty() -> None:
    assert located("iplocation ip", ip="198.51.100.7") == {
        "ip": "198.51.100.7",
        "City": "Redwood City",
        "Country": "United States",
        "Region": "California",
        "lat": "37.5",
        "lon": "",
    }


def test_an_ipv6_address_has_a_place() -> None:
    found = located("iplocation myip", myip="2001:db8:4860::8888")
    assert (found["Country"], found["City"], found["lat"], found["lon"]) == (
        "United States",
        "",
        "37.75100",
        "-97.82200",
    )


def test_the_smallest_network_counts_and_a_subnet_has_a_place_too() -> None:
    assert located("iplocation ip", ip="198.51.100.200")["Country"] == "Canada"
    assert located("iplocation ip", ip="198.51.100.192/26")["Country"] == "Canada"
    assert located("iplocation ip", ip="198.51.100.0/24")["Country"] == "United States"


@pytest.mark.parametrize("ip", ["10.0.0.1", "198.51.100.0/16", "fe80::1", "no address", ""])
def test_without_a_place_no_field_is_added(ip: str) -> None:
    assert located("iplocation ip", ip=ip, Country="kept") == {"ip": ip, "Country": "kept"}


def test_without_the_field_no_field_is_added() -> None:
    assert located("iplocation ip", a="1") == {"a": "1"}


def test_a_prefix_stands_before_the_names_of_the_fields() -> None:
    found = located("iplocation prefix=iploc_ ip", ip="198.51.100.7", Country="mine")
    assert (found["Country"], found["iploc_Country"], found["iploc_City"]) == ("mine", "United States", "Redwood City")


def test_all_fields_of_the_database_are_added_where_it_is_said() -> None:
    found = located("iplocation allfields=true ip", ip="198.51.100.200")
    assert (found["Continent"], found["Timezone"], found["MetroCode"]) == ("North America", "America/Toronto", "")
    assert "Continent" not in located("iplocation allfields=false ip", ip="198.51.100.200")


def test_columns_of_a_table_get_the_fields_at_their_end() -> None:
    data = Knowledge([{"_time": NOW, "_raw": "", "ip": "10.0.0.1"}], located=PLACES)
    assert result("* | table ip | iplocation ip", data).fields == ["ip", "City", "Country", "Region", "lat", "lon"]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("iplocation", "something is missing"),
        ("iplocation lang=es ip", "unknown option lang"),
        ("iplocation frob=1 ip", "unknown option frob"),
        ("iplocation ip other", "'other' is not understood"),
        ("iplocation allfields=maybe ip", "neither true nor false"),
        ("eval ip=mvappend(ip,ip) | iplocation ip", "several values of ip are left open"),
    ],
)
def test_what_is_not_played_is_refused(search: str, message: str) -> None:
    with pytest.raises(SplError, match=message):
        located(search, ip="198.51.100.7")


def test_without_a_database_it_is_refused() -> None:
    with pytest.raises(SplError, match="no database of places"):
        result("* | iplocation ip", Knowledge([{"_time": NOW, "ip": "198.51.100.7"}]))

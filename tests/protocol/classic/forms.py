"""Every form in which a record or data block may be sent, and decoded containers in the form of made ones."""

from __future__ import annotations

from typing import Any

from estreamer.protocol.classic.reading import Block

from standins.fmc.classic_records import Made, Variety, as_block, block_names, encoded, layouts, records

RECORDS = [number for number in records() if f"R{number}" in layouts()]
EVENTS = [number for number in RECORDS if records()[number]["kind"] == "event"]
METADATA = [number for number in RECORDS if records()[number]["kind"] == "metadata"]
BLOCKS = [name for name in layouts() if name.startswith("B")]
PLAIN_BLOCKS = {"B1.0", "B1.10", "B1.11", "B1.31", "B2.0", "B2.1", "B2.2", "B2.3"}

FORMS = [(number, block) for number in RECORDS for block in (block_names(number) or [""]) if block != "B1.155"]
"""Each record with each of the data blocks that may be its outermost one."""


def form_id(form: tuple[int, str]) -> str:
    number, block = form
    return f"R{number}-{block}" if block else f"R{number}"


def made_of(value: Any) -> Any:
    """Return a decoded value as it was made."""
    if isinstance(value, Block):
        return Made(value.layout.name, {name: made_of(one) for name, one in zip(value.layout.fields, value.values)})
    return [made_of(one) for one in value] if isinstance(value, tuple) else value


def body_of(variety: Variety, number: int, block: str) -> tuple[bytes, Made]:
    """Return the bytes of a record, and what a decoder is to return of them."""
    made = variety.record(number, block)
    (only, *others) = made.values.values()
    is_metadata = records()[number]["kind"] == "metadata"
    if is_metadata and not others and isinstance(only, Made):
        return as_block(only), only
    return encoded(made), made

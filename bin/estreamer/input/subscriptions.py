"""Which family of events an input subscribes to: its scheme says it, and nothing else of the input has to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from ..events.records import FullyQualifiedRecords
from ..protocol import fully_qualified
from ..protocol.family import Family, Subscription
from ..protocol.fully_qualified import FullyQualified
from ..settings import InputSettings


def _fully_qualified(settings: InputSettings) -> Subscription:
    document = fully_qualified.document(settings.fields)

    def ask(timestamp: int, style: str) -> Family:
        return FullyQualified(document, timestamp, style)

    return Subscription(ask, FullyQualifiedRecords(), fully_qualified.STYLES)


_OF_SCHEME: Mapping[str, Callable[[InputSettings], Subscription]] = {"estreamer_fqe": _fully_qualified}


def of_input(stanza: str, settings: InputSettings) -> Subscription:
    """Return what the input `stanza` (`<scheme>://<name>`) subscribes to.

    Raises Problem where its settings ask for nothing that can be had, and KeyError for a scheme without a family.
    """
    return _OF_SCHEME[stanza.partition("://")[0]](settings)

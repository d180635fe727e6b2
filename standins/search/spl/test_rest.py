"""rest. The page of this name in the Search Reference."""

from __future__ import annotations

import pytest

from . import Knowledge, SplError
from .cim import MODELS
from .samples import NOW, result, rows


def test_rest_lists_the_data_models() -> None:
    search = "| rest splunk_server=local count=0 /services/datamodel/model"
    assert {row["title"] for row in rows(search, Knowledge(models=MODELS))} == set(MODELS)
    assert rows(search, Knowledge()) == []


@pytest.mark.parametrize(
    "search",
    [
        "| rest splunk_server=local count=0 /services/server/info",
        "| rest count=0 /services/datamodel/model",
        "| rest splunk_server=local /services/datamodel/model",
        "| makeresults | rest splunk_server=local count=0 /services/datamodel/model",
    ],
)
def test_rest_refuses_what_is_not_played(search: str) -> None:
    with pytest.raises(SplError):
        result(search, Knowledge(models=MODELS, summaries={"Network_Traffic": (0, NOW)}))

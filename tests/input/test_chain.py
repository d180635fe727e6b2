"""The figures of an input count the chain of a certificate: a CA that ends before what it has issued is warned of."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from estreamer import settings
from estreamer.input import check

from standins.fmc.archive import Archive
from standins.fmc.events import EventGenerator
from standins.fmc.pki import Pki
from standins.fmc.server import FmcServer
from tests.input.harness import Input

DAY = 86400
LEAF_DAYS = 365


@pytest.mark.parametrize(("ca_ends", "days"), [(3, 3), (3650, LEAF_DAYS)])
def test_figures_and_check_tell_the_end_of_the_chain_of_client_and_server(
    tmp_path: Path, ca_ends: int, days: int
) -> None:
    pki = Pki(tmp_path / "pki", ca_days=(-3650, ca_ends))
    with FmcServer(Archive.generated(5, EventGenerator()), pki=pki) as server:
        under_test = Input(tmp_path, {"fmc": server})
        under_test.run_for(5)
        account: settings.Account = under_test.account("fmc")
        step = check.run(account)[0]
    line = under_test.log.fields_of("figures")[-1]
    for which in ("client", "server"):
        assert abs(int(str(line[f"{which}_certificate_expires"])) - (time.time() + days * DAY)) < DAY / 2, which
    assert f", {days - 1} days left" in step.text
    told = "since the CA certificate title=InternalCA, CN=Management Center CA ends before it"
    assert (told in step.text) is (days < LEAF_DAYS)

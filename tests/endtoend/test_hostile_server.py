"""The built package against servers that never come to an end, or repeat themselves without end."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path

import pytest

from standins.addon import ACCOUNT, PASSWORD, create_account, create_input, install, log_text
from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.events import EventGenerator
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from tests.input.flood import unknown_messages

pytestmark = pytest.mark.package

CONNECT_LIMIT = 30
"""Seconds in which an input connects, or tries the other account."""
CHECK_LIMIT = 15
"""Seconds that the check of a connection may take."""

ENDLESS = Behaviour(faults=(Fault("hello-requests", "accept"),))


def test_an_endless_handshake_makes_the_input_go_to_its_failover_account(tmp_path: Path, built_package: Path) -> None:
    archive = Archive.generated(50, EventGenerator())
    with (
        FmcServer(Archive(), behaviour=ENDLESS) as endless,
        FmcServer(archive) as sound,
        Splunkd(tmp_path) as splunkd,
    ):
        splunkd.install(built_package)
        create_account(splunkd, endless)
        create_account(splunkd, sound, "other")
        create_input(splunkd, failover_account="other")
        splunkd.start()
        splunkd.wait_for(50, timeout=CONNECT_LIMIT + 30)
        failed = re.search(r"action=connection_failed .*", log_text(splunkd))
        splunkd.stop()
    assert failed is not None
    assert "code=tls_handshake_too_long" in failed[0]
    assert "retry_account=other" in failed[0]


def test_an_endless_handshake_ends_the_check_in_time_and_it_says_why(tmp_path: Path, built_package: Path) -> None:
    with FmcServer(Archive(), behaviour=ENDLESS) as endless, Splunkd(tmp_path) as splunkd:
        splunkd.install(built_package)
        form = {
            "name": "fmc",
            "host": endless.address,
            "port": str(endless.port),
            "pkcs12": base64.b64encode(endless.pkcs12(password=PASSWORD)).decode(),
            "pkcs12_password": PASSWORD,
            "check_connection": "1",
        }
        begun = time.monotonic()
        answer = splunkd.request("POST", ACCOUNT, form)
        took = time.monotonic() - begun
    assert answer.status == 400
    assert "without completing the TLS handshake" in answer.message
    # The interpreter and splunkd have to start as well.
    assert took < CHECK_LIMIT + 5


def test_a_flood_of_notices_leaves_a_few_lines_and_right_figures(tmp_path: Path, built_package: Path) -> None:
    """Unknown messages of every type there is, bundles left out, and a server that does it again after a cut."""
    count, gaps, types = 600, 100, range(5000, 25_000)
    flood = Fault("say", "between", after_events=1, data=unknown_messages(types), connections=(1, 2))
    left_out = tuple(Fault("gap", after_events=3 * number, connections=(1,)) for number in range(1, gaps + 1))
    cut = Fault("fin", "between", after_events=400, connections=(1,))
    behaviour = Behaviour(style="bundles", bundle_size=2, faults=(flood, *left_out, cut))
    archive = Archive.generated(count, EventGenerator())
    with FmcServer(archive, behaviour=behaviour) as server, Splunkd(tmp_path) as splunkd:
        install(splunkd, built_package, server, settle="2")
        splunkd.start()
        splunkd.wait_for(count, timeout=60)
        splunkd.stop()
        server.assert_clean()
        lines = log_text(splunkd).splitlines()
        assert len(splunkd.events()) == count
        connections = len(server.connections)

    def total(figure: str) -> int:
        return sum(int(found) for found in re.findall(rf"action=figures .*? {figure}=(\d+)", "\n".join(lines)))

    for kind in ("unknown_message_type", "bundle_gap"):
        # The first one, one for each minute, and one at the end.
        assert 1 <= sum(f"action={kind} " in line for line in lines) <= 4, kind
    assert len(lines) < 100
    assert total("bundle_gaps") == gaps
    assert connections == 2
    assert total("unknown_messages") == 2 * len(types)
    told = [int(found) for found in re.findall(r"action=bundle_gap .*? times=(\d+)", "\n".join(lines))]
    assert sum(told) == gaps

"""No proxy that the environment names gets a request to splunkd: not by any library below."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from estreamer.packets.download import Refusal, Search
from estreamer.packets.search_text import Piece
from estreamer.splunkd import client, packet_search
from estreamer.splunkd.client import Client
from solnlib import splunk_rest_client
from splunklib import binding

from standins.places import APP
from standins.splunkd.tls import Tls, make
from tests.splunkd.management import ACCOUNT_CONF, SESSION_KEY, Management
from tests.splunkd.proxies import ENVIRONMENTS, RecordingProxy

PATH = f"configs/conf-{ACCOUNT_CONF}/fmc"


@pytest.fixture(params=["http", "https"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Management]:
    context = Tls(*make(tmp_path)).server_context() if request.param == "https" else None
    with Management(context) as running:
        running.confs[ACCOUNT_CONF]["fmc"] = {"host": "192.0.2.1"}
        yield running


@pytest.fixture(params=ENVIRONMENTS)
def proxy(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingProxy]:
    """Return a proxy that the environment names, among other things that change what libraries do."""
    (tmp_path / ".netrc").write_text("default login somebody password something\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with RecordingProxy() as running:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in running.environment(request.param).items():
            monkeypatch.setenv(name, value)
        yield running


def test_a_search_for_packets_goes_by_no_proxy(port: Management, proxy: RecordingProxy) -> None:
    request = {"session": {"authtoken": SESSION_KEY, "user": "analyst"}, "server": {"rest_uri": port.uri}}
    with pytest.raises(Refusal) as caught:
        list(packet_search.searching(request)(Search(Piece("search x"), "0", "now"), time.monotonic() + 20))
    # This stand-in knows no POST.
    assert caught.value.status == 501
    assert proxy.heard == []


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have libraries routed as in a handler's process, and give back what they had."""
    monkeypatch.setattr(splunk_rest_client, "_request_handler", splunk_rest_client._request_handler)
    client.route_libraries()


def test_the_client_goes_by_no_proxy(port: Management, proxy: RecordingProxy) -> None:
    asking = Client(port.uri, SESSION_KEY, APP)
    assert asking.entries(PATH)[0].name == "fmc"
    with pytest.raises(client.Refused):
        asking.post(PATH, {"host": "192.0.2.2"})
    with pytest.raises(client.Refused):
        asking.delete(PATH)
    with pytest.raises(client.Refused):
        list(asking.lines("search/v2/jobs/1/results", {}, 100))
    with pytest.raises(client.Refused):
        asking.made("search/v2/jobs", {})
    with pytest.raises(client.Refused):
        asking.content(f"configs/conf-{ACCOUNT_CONF}/none")
    assert proxy.heard == []


@pytest.mark.usefixtures("routed")
def test_clients_of_libraries_go_by_no_proxy_and_show_no_other_login(port: Management, proxy: RecordingProxy) -> None:
    address = client.address_of(port.uri)._asdict()
    service = splunk_rest_client.SplunkRestClient(SESSION_KEY, APP, **address)
    assert b"192.0.2.1" in service.get(PATH, output_mode="json").body.read()
    with pytest.raises(binding.HTTPError) as caught:
        service.get("configs/conf-none/fmc", output_mode="json")
    assert caught.value.status == 404
    assert proxy.heard == []


def test_the_proxy_would_be_used_by_what_splunks_own_python_has(proxy: RecordingProxy) -> None:
    """The stage is set: a library that honors the environment does come to the proxy."""
    with pytest.raises(requests.RequestException):
        requests.get("http://192.0.2.1:8089/services", headers={"Authorization": "Splunk key"}, timeout=10)
    assert len(proxy.heard) == 1


@pytest.mark.usefixtures("routed")
def test_a_library_is_told_why_splunkd_does_not_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = client.address_of(f"http://127.0.0.1:{taken.getsockname()[1]}")._asdict()
        with pytest.raises(binding.HTTPError) as caught:
            splunk_rest_client.SplunkRestClient(SESSION_KEY, APP, **gone).get(PATH, output_mode="json")
    assert caught.value.status == client.NO_ANSWER
    assert "Is Splunk starting or stopping?" in client.text_of(caught.value.body)

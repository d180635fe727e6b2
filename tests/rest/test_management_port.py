"""The built package and splunkd's management port: no proxy gets the session key, and a client certificate is shown."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from standins.addon import create_account, create_input, digests_of, log_text
from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer
from standins.splunkd import Splunkd
from standins.splunkd.tls import Tls, make
from tests.rest.forms import ACCOUNT, INPUT, PREVIEW, SETTINGS, STATE, account, checked, create
from tests.splunkd.proxies import RecordingProxy

pytestmark = pytest.mark.package

EVENTS = 20


def wait_for_line(splunkd: Splunkd, part: str) -> str:
    """Wait until the input's log has this part, and return the log: a file has no event to wait for."""
    deadline = time.monotonic() + 60
    while part not in (text := log_text(splunkd)):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def use_everything(splunkd: Splunkd, server: FmcServer) -> None:
    """Use each endpoint of the add-on, and let an input run to the last event."""
    create_account(splunkd, server)
    create(splunkd, ACCOUNT, account("second"))
    assert splunkd.request("POST", f"{ACCOUNT}/second", {"port": "8303", "check_connection": "0"}).message == ""
    assert set(splunkd.request("GET", ACCOUNT).entries) == {"fmc", "second"}
    assert checked(splunkd, "fmc")["ok"] == "1"
    assert splunkd.request("POST", PREVIEW, {"name": "main", "event_types": "FileEvent"}).message == ""
    splunkd.start()
    # The library asks splunkd whether there may be an index of that name.
    create_input(splunkd)
    assert splunkd.request("POST", f"{INPUT}/main", {"index": "summary", "settle": "1"}).message == ""
    splunkd.wait_for(EVENTS)
    assert set(splunkd.request("GET", STATE).entries) == {"main"}
    assert splunkd.request("POST", f"{SETTINGS}/logging", {"loglevel": "DEBUG"}).message == ""
    assert splunkd.request("DELETE", f"{INPUT}/main").message == ""
    assert splunkd.request("DELETE", f"{ACCOUNT}/second").message == ""
    splunkd.wait_for_end(len(splunkd.runs("estreamer_fqe://main")), stanza="estreamer_fqe://main")


def test_no_proxy_of_the_environment_hears_of_anything(tmp_path: Path, built_package: Path) -> None:
    archive = Archive.generated(EVENTS)
    with RecordingProxy() as proxy, FmcServer(archive) as server:
        environment = {**proxy.environment("both"), **proxy.environment("other files")}
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / ".netrc").write_text("default login somebody password something\n")
        with Splunkd(tmp_path / "home", keep="digests", environment=environment) as splunkd:
            splunkd.install(built_package)
            use_everything(splunkd, server)
            assert sorted(splunkd.digests("estreamer_fqe://main")) == sorted(digests_of(archive))
        assert proxy.heard == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
def test_a_management_port_that_requires_a_client_certificate_is_served(
    tmp_path: Path, built_package: Path, version: ssl.TLSVersion
) -> None:
    tls = Tls(*make(tmp_path / "auth"), require_client_cert=True, newest=version)
    archive = Archive.generated(EVENTS)
    with FmcServer(archive) as server, Splunkd(tmp_path / "home", keep="digests", tls=tls) as splunkd:
        splunkd.install(built_package)
        splunkd.set_web({"serverCert": str(tls.server_cert), "privKeyPath": str(tls.server_cert)})
        use_everything(splunkd, server)
        assert sorted(splunkd.digests("estreamer_fqe://main")) == sorted(digests_of(archive))


def test_a_client_certificate_that_splunk_web_lacks_is_named(tmp_path: Path, built_package: Path) -> None:
    tls = Tls(*make(tmp_path / "auth"), require_client_cert=True)
    with Splunkd(tmp_path / "home", tls=tls) as splunkd:
        splunkd.install(built_package)
        answer = splunkd.request("GET", ACCOUNT)
    assert (answer.status, "set serverCert and privKeyPath in web.conf" in answer.message) == (500, True)


def test_a_client_certificate_whose_key_has_a_password_is_the_reason_that_is_told(
    tmp_path: Path, built_package: Path
) -> None:
    password = "not-a-real-password"
    protected, root = make(tmp_path / "auth", password=password)
    web, _ = make(tmp_path / "auth", "web")
    tls = Tls(protected, root, require_client_cert=True, password=password)
    with FmcServer(Archive()) as server, Splunkd(tmp_path / "home", tls=tls) as splunkd:
        splunkd.install(built_package)
        splunkd.set_web({"serverCert": str(web), "privKeyPath": str(web)})
        answer = splunkd.request("POST", ACCOUNT, account("fmc", host=server.address))
        assert answer.status == 400
        assert f"its key in {protected} is protected by a password" in answer.message
        assert "requireClientCert" in answer.message
        assert "starting or stopping" not in answer.message
        listed = splunkd.request("GET", ACCOUNT)
        assert (listed.status, "is protected by a password" in listed.message) == (500, True)
        splunkd.set_conf("inputs", "estreamer_fqe://main", {"account": "fmc", "disabled": "0", "interval": "60"})
        splunkd.start()
        splunkd.wait_for_input()
        assert password not in wait_for_line(splunkd, "splunkd_certificate_required")

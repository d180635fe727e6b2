"""The accounts page: what is refused and how, what stays, the check, the expiry, and who may see any of it."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from standins.fmc.pki import Pki, shared_pki
from standins.fmc.server import FmcServer
from standins.splunk_web import Login, SplunkWeb
from standins.splunkd import Splunkd
from tests.rest.forms import ACCOUNT, ANOTHER_PASSWORD, APP, PASSWORD, account, create, pkcs12, reachable, shown
from tests.splunkd.management import REALM, SEPARATOR

from .contrast import assert_readable
from .pages import Pages, window

pytestmark = pytest.mark.package
CONF = "ta_secure_firewall_estreamer_account"
SCRIPT = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def closed_port() -> Iterator[str]:
    """A port on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield str(reserved.getsockname()[1])


@pytest.fixture(autouse=True)
def no_accounts(splunkd: Splunkd) -> Iterator[None]:
    """Leave no account to the next test: a page of the table has ten."""
    yield
    for name in splunkd.stanzas(CONF):
        assert splunkd.request("DELETE", f"{ACCOUNT}/{name}").status == 200


def file(**options: object) -> bytes:
    return shared_pki().pkcs12(**{"password": PASSWORD, **options})  # type: ignore[arg-type]


UPLOADS = {
    "wrong password": (file(password=ANOTHER_PASSWORD), "client.pkcs12", "does not open"),
    "not a PKCS#12": (b"\x30\x03abc, and so on", "client.pkcs12", "This is not a PKCS#12 file"),
    "text": (b"-----BEGIN CERTIFICATE-----", "client.p12", "it is text in the PEM format"),
    "no private key": (file(with_key=False), "client.pfx", "holds no private key"),
    "no CA": (file(with_ca=False), "client.pkcs12", "holds no CA certificate"),
    "expired": (file(variant="expired"), "client.pkcs12", "expired on"),
    "not yet valid": (file(variant="not-yet-valid"), "client.pkcs12", "is not valid before"),
    "weak key": (file(variant="weak-key"), "client.pkcs12", 'switch on "Legacy certificates"'),
    "weak signature": (file(variant="sha1"), "client.pkcs12", "is signed with SHA1"),
    "too large": (b"\x30\x82" * 10300, "client.pkcs12", "client.pkcs12 is larger than 20 KB"),
    "empty": (b"", "client.pkcs12", "client.pkcs12 is empty"),
    "other ending": (file(), "client.pem", "client.pem does not end in .pkcs12, .p12 or .pfx"),
}
VALUES = {
    "https://fmc.example.com": ("host", "Give a host name or an IP address alone"),
    "70000": ("port", "The port is a whole number from 1 to 65535"),
    "12:34": ("fingerprint", "A SHA-256 fingerprint has 64 hexadecimal digits"),
}


def test_each_wrong_file_and_value_is_refused_with_its_message_and_nothing_is_saved(
    pages: Pages, splunkd: Splunkd, closed_port: str
) -> None:
    pages.open("configuration")
    pages.page.get_by_role("button", name="Add", exact=True).click()
    pages.fill(name="refused", host="127.0.0.1", port=closed_port, pkcs12_password=PASSWORD)
    pages.press_save()
    expect(pages.refusal()).to_contain_text("PKCS#12 file is required")
    for content, name, text in UPLOADS.values():
        pages.upload(content, name)
        expect(pages.control("pkcs12").get_by_role("status")).to_contain_text(name)
        pages.press_save()
        expect(pages.refusal()).to_contain_text(text)
        expect(pages.refusal()).not_to_contain_text("REST Error")
    pages.upload(file())
    pages.fill(pkcs12_password="")
    pages.press_save()
    expect(pages.refusal()).to_contain_text("protected by a password and none was given: enter it.")
    pages.fill(pkcs12_password=PASSWORD)
    for value, (parameter, text) in VALUES.items():
        before = pages.control(parameter).locator("input").first.input_value()
        pages.fill(**{parameter: value})
        pages.press_save()
        expect(pages.refusal()).to_contain_text(text)
        pages.fill(**{parameter: before})
    pages.press_save()
    expect(pages.refusal()).to_contain_text("the connection check failed at the step 'connect'")
    expect(pages.refusal()).to_be_in_viewport()
    pages.shoot("account_refused")
    assert "refused" not in splunkd.stanzas(CONF)
    pages.untick("check_connection")
    assert pages.save("_account").status == 201
    pages.saved()


@pytest.mark.parametrize("name", ["client.PKCS12", "client.P12", "My.Client.pFx", "client.Pkcs12"])
def test_file_is_taken_whatever_the_case_of_its_ending(pages: Pages, name: str) -> None:
    pages.open("configuration")
    pages.page.get_by_role("button", name="Add", exact=True).click()
    content = file()
    pages.upload(content, name)
    expect(pages.control("pkcs12").get_by_role("status")).to_contain_text(f"{name}, {len(content)} bytes.")


def test_dropped_file_is_sent_byte_for_byte(pages: Pages, splunkd: Splunkd) -> None:
    pages.open("configuration")
    pages.page.get_by_role("button", name="Add", exact=True).click()
    pages.fill(name="dropped", host="127.0.0.1", pkcs12_password=PASSWORD)
    pages.untick("check_connection")
    drop = """([text, name]) => {
        const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], name));
        const place = document.querySelector("[data-name='pkcs12'] input[type=file]").parentElement;
        place.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""
    content = base64.b64encode(file()).decode()
    pages.page.evaluate(drop, [content, "dropped.pfx"])
    expect(pages.control("pkcs12").get_by_role("status")).to_contain_text("dropped.pfx")
    assert pages.save("_account").status == 201
    pages.saved()
    stored = splunkd.request("GET", "storage/passwords?count=-1").entries.values()
    whole = "".join(one["clear_password"] for one in stored if one["username"].startswith("dropped`"))
    assert content in whole


def test_edit_keeps_the_file_a_clone_needs_it_again_and_delete_asks_first(pages: Pages, splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("kept"))
    pages.open("configuration")
    pages.row("kept").get_by_role("button", name="Edit").click()
    expect(pages.control("pkcs12").get_by_role("status")).to_contain_text("The stored file is kept")
    expect(pages.control("name").locator("input")).to_be_disabled()
    pages.fill(host="fmc.example.com")
    pages.untick("check_connection")
    answer = pages.save("_account")
    assert answer.status == 200, answer.text()
    assert "pkcs12" not in str(answer.request.post_data)
    pages.saved()
    expect(pages.cell("kept", "host")).to_have_text("fmc.example.com")
    expect(pages.cell("kept", "certificate_subject")).to_contain_text("127.0.0.1")

    pages.row("kept").get_by_role("button", name="Clone").click()
    pages.fill(name="copy")
    pages.untick("check_connection")
    pages.press_save()
    expect(pages.refusal()).to_contain_text("PKCS#12 file is required")
    pages.upload(file(variant="renewed"))
    pages.fill(pkcs12_password=PASSWORD)
    assert pages.save("_account").status == 201
    pages.saved()
    expect(pages.cell("copy", "host")).to_have_text("fmc.example.com")
    fingerprints = {shown(splunkd, ACCOUNT, name)["certificate_fingerprint"] for name in ("kept", "copy")}
    assert len(fingerprints) == 2

    pages.delete("copy")
    expect(pages.row("copy")).to_have_count(0)
    assert "copy" not in splunkd.stanzas(CONF)
    assert "kept" in splunkd.stanzas(CONF)


def test_table_tells_the_fingerprint_and_what_the_name_in_the_certificate_has_to_be(
    pages: Pages, splunkd: Splunkd
) -> None:
    create(splunkd, ACCOUNT, account("named"))
    fingerprint = shown(splunkd, ACCOUNT, "named")["certificate_fingerprint"]
    pages.open("configuration")
    expect(pages.cell("named", "certificate_subject")).to_contain_text(
        "127.0.0.1must be this machine, as the Management Center sees it"
    )
    cell = pages.cell("named", "certificate_fingerprint")
    expect(cell).to_have_text(f"{fingerprint[:6]}\u2026{fingerprint[-6:]}")
    expect(cell.get_by_title(fingerprint)).to_be_visible()
    pages.row("named").get_by_role("cell").first.click()
    expect(pages.page.get_by_text(fingerprint, exact=True)).to_be_visible()


def test_save_with_a_check_shows_its_steps_until_the_account_is_saved_without_one(
    pages: Pages, splunkd: Splunkd, server: FmcServer
) -> None:
    create(splunkd, ACCOUNT, reachable("stepped", server, check_connection="0"))
    pages.open("configuration")
    status = pages.cell("stepped", "check_connection").get_by_role("status")
    expect(status).to_be_empty()
    pages.row("stepped").get_by_role("button", name="Edit").click()
    assert pages.save("_account").status == 200
    pages.saved()
    expect(status).to_contain_text("The connection works.")
    expect(status.get_by_role("listitem")).to_have_count(5)
    pages.page.get_by_role("button", name="Check the connection of stepped").click()
    expect(status).to_contain_text("The connection works.")
    pages.row("stepped").get_by_role("button", name="Edit").click()
    pages.fill(host="localhost")
    pages.untick("check_connection")
    assert pages.save("_account").status == 200
    pages.saved()
    expect(pages.cell("stepped", "host")).to_have_text("localhost")
    expect(status).to_be_empty()


def test_result_of_a_check_belongs_to_what_was_checked(pages: Pages, splunkd: Splunkd, closed_port: str) -> None:
    create(splunkd, ACCOUNT, account("again", port=closed_port))
    pages.open("configuration")
    status = pages.cell("again", "check_connection").get_by_role("status")
    pages.page.get_by_role("button", name="Check the connection of again").click()
    expect(status).to_contain_text("The connection failed.")
    pages.delete("again")
    expect(pages.row("again")).to_have_count(0)
    pages.page.get_by_role("button", name="Add", exact=True).click()
    pages.fill(name="again", host="127.0.0.1", port=closed_port, pkcs12_password=PASSWORD)
    pages.upload(file())
    pages.untick("check_connection")
    assert pages.save("_account").status == 201
    pages.saved()
    expect(pages.cell("again", "host")).to_have_text("127.0.0.1")
    expect(status).to_be_empty()


def test_answer_to_a_check_comes_into_the_row_that_is_in_sight_then(
    pages: Pages, splunkd: Splunkd, closed_port: str
) -> None:
    create(splunkd, ACCOUNT, account("moving", port=closed_port))
    pages.open("configuration")
    held = pages.hold(f"{APP}_check/")
    pages.page.get_by_role("button", name="Check the connection of moving").click()
    status = pages.cell("moving", "check_connection").get_by_role("status")
    expect(status).to_have_text("Checking, for at most 15 seconds\u2026")
    pages.page.get_by_placeholder("Search...").fill("no such account")
    expect(pages.row("moving")).to_have_count(0)
    pages.page.get_by_placeholder("Search...").fill("")
    expect(status).to_have_text("Checking, for at most 15 seconds\u2026")
    expect(pages.page.get_by_role("button", name="Check the connection of moving")).to_be_disabled()
    held[0].continue_()
    expect(status).to_contain_text("The connection failed.")
    expect(pages.page.get_by_role("button", name="Check the connection of moving")).to_be_enabled()


def test_page_that_outlives_its_session_says_so(pages: Pages, splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("late_at_night"))
    pages.open("configuration")
    status = pages.cell("late_at_night", "check_connection").get_by_role("status")
    for code, body in ((200, "<!DOCTYPE html><title>Login</title>"), (401, "{}")):
        pages.answer(f"{APP}_check/", code, body)
        pages.page.get_by_role("button", name="Check the connection of late_at_night").click()
        expect(status).to_have_text("Your session has ended. Log in again.")
        pages.let_through()


def test_saved_account_is_checked_step_by_step_at_the_press_of_a_button(
    pages: Pages, splunkd: Splunkd, server: FmcServer, closed_port: str
) -> None:
    create(splunkd, ACCOUNT, reachable("works", server, check_connection="0"))
    create(splunkd, ACCOUNT, account("fails", port=closed_port))
    pages.open("configuration")
    pages.page.get_by_role("button", name="Check the connection of works").click()
    status = pages.cell("works", "check_connection").get_by_role("status")
    expect(status).to_contain_text("The connection works.")
    expect(status.get_by_role("listitem")).to_have_count(5)
    assert all(text.startswith("\u2713") for text in status.get_by_role("listitem").all_inner_texts())
    pages.page.get_by_role("button", name="Check the connection of fails").click()
    status = pages.cell("fails", "check_connection").get_by_role("status")
    expect(status).to_contain_text("The connection failed.")
    expect(status.get_by_role("listitem").last).to_contain_text("\u2717 Connection: ")
    # What was found stays when the table is drawn again.
    pages.page.get_by_placeholder("Search...").fill("work")
    expect(pages.row("fails")).to_have_count(0)
    expect(pages.cell("works", "check_connection")).to_contain_text("The connection works.")
    pages.page.get_by_placeholder("Search...").fill("")
    pages.shoot("connection_check", picture=True)


def test_page_warns_of_certificates_that_expire_within_thirty_days(pages: Pages, splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("soon", pkcs12=pkcs12(variant="expiring")))
    create(splunkd, ACCOUNT, account("late"))
    pages.open("configuration")
    warning = pages.page.get_by_role("alert").filter(has_text="Certificates that expire within 30 days")
    expect(warning).to_contain_text("soon (11 days left)")
    expect(warning).not_to_contain_text("late (")
    expect(pages.cell("soon", "certificate_not_after")).to_contain_text("\u26a0 11 days left")
    expect(pages.cell("late", "certificate_not_after")).not_to_contain_text("\u26a0")
    pages.shoot("accounts", picture=True)
    pages.delete("soon")
    expect(warning).to_have_count(0)


def test_page_names_the_ca_that_ends_before_the_certificate(pages: Pages, splunkd: Splunkd, tmp_path: Path) -> None:
    ends_first = Pki(tmp_path, ca_days=(-3650, 3)).pkcs12(password=PASSWORD)
    create(splunkd, ACCOUNT, account("by_ca", pkcs12=base64.b64encode(ends_first).decode()))
    pages.open("configuration")
    warning = pages.page.get_by_role("alert").filter(has_text="Certificates that expire within 30 days")
    ca = "CA certificate title=InternalCA, CN=Management Center CA"
    expect(warning).to_contain_text(f"by_ca: {ca} (2 days left)")
    expect(warning).to_contain_text("have the Management Center renew its CA before")
    cell = pages.cell("by_ca", "certificate_not_after")
    expect(cell).to_contain_text("\u26a0 2 days left")
    expect(cell).to_contain_text(f"{ca} ends first")
    pages.delete("by_ca")


def test_warning_is_about_all_accounts_and_not_only_the_rows_in_sight(pages: Pages, splunkd: Splunkd) -> None:
    names = [f"aa{number:02}" for number in range(11)]
    for name in names:
        create(splunkd, ACCOUNT, account(name))
    create(splunkd, ACCOUNT, account("zz_soon", pkcs12=pkcs12(variant="expiring")))
    pages.open("configuration")
    warning = pages.page.get_by_role("alert").filter(has_text="Certificates that expire within 30 days")
    expect(pages.row("zz_soon")).to_have_count(0)
    expect(warning).to_contain_text("zz_soon (11 days left)")
    pages.page.get_by_placeholder("Search...").fill("aa0")
    expect(pages.row("aa10")).to_have_count(0)
    expect(warning).to_contain_text("zz_soon (11 days left)")
    # What is saved is asked for anew, whether its row is in sight or not.
    pages.page.get_by_placeholder("Search...").fill("")
    pages.page.get_by_role("button", name="Add", exact=True).click()
    pages.fill(name="zz_sooner", host="127.0.0.1", pkcs12_password=PASSWORD)
    pages.upload(file(variant="expiring"))
    pages.untick("check_connection")
    assert pages.save("_account").status == 201
    pages.saved()
    expect(warning).to_contain_text("zz_sooner (11 days left)")


def test_last_day_of_the_warning_is_the_thirtieth(pages: Pages, splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("edge"))

    def answer(route: Route) -> None:
        document = json.loads(route.fetch().text())
        for entry in document["entry"]:
            entry["content"]["certificate_days_left"] = {"edge": "30"}.get(entry["name"], "31")
        route.fulfill(json=document)

    pages.page.route(re.compile(rf"{ACCOUNT}\?"), answer)
    pages.open("configuration")
    warning = pages.page.get_by_role("alert").filter(has_text="Certificates that expire within 30 days")
    expect(warning).to_contain_text("days: edge (30 days left). Create the client again")
    expect(pages.cell("edge", "certificate_not_after")).to_contain_text("\u26a0 30 days left")


def test_account_that_cannot_be_read_is_shown_as_such_and_repaired_on_the_page(pages: Pages, splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("healthy"))
    create(splunkd, ACCOUNT, account("broken"))
    content = {"password": "********", "encr_password": "$7$invented"}
    splunkd.plant_credential(f"broken{SEPARATOR}1", REALM, content)
    splunkd.plant_credential(f"gone{SEPARATOR}1", REALM, content)
    pages.open("configuration")
    told = "\u26a0 The account 'broken' cannot be read: Splunk cannot decrypt its secrets in storage/passwords"
    expect(pages.cell("broken", "certificate_subject")).to_contain_text(told)
    expect(pages.cell("broken", "certificate_subject")).to_contain_text(
        "upload the PKCS#12 file and enter its password"
    )
    expect(pages.cell("healthy", "certificate_subject")).not_to_contain_text("cannot be read")
    pages.row("broken").get_by_role("button", name="Edit").click()
    pages.upload(file())
    pages.fill(pkcs12_password=PASSWORD)
    pages.untick("check_connection")
    assert pages.save("_account").status == 200
    pages.saved()
    expect(pages.cell("broken", "certificate_subject")).not_to_contain_text("cannot be read")
    assert shown(splunkd, ACCOUNT, "broken")["unreadable"] == ""


def test_script_in_a_certificate_is_shown_as_text(pages: Pages, splunkd: Splunkd, closed_port: str) -> None:
    create(splunkd, ACCOUNT, account("script", port=closed_port, pkcs12=pkcs12(address=SCRIPT)))
    pages.open("configuration")
    expect(pages.cell("script", "certificate_subject")).to_contain_text(SCRIPT)
    pages.page.get_by_role("button", name="Check the connection of script").click()
    expect(pages.cell("script", "check_connection")).to_contain_text(SCRIPT)
    pages.row("script").get_by_role("cell").first.click()
    expect(pages.page.get_by_text("Fingerprint", exact=True)).to_have_count(2)
    pages.page.get_by_role("button", name="Edit").first.click()
    pages.upload(file(), f"{SCRIPT.replace('/', '')}.p12")
    expect(pages.control("pkcs12").get_by_role("status")).to_contain_text(SCRIPT)


def test_markup_in_any_field_is_shown_as_text(pages: Pages, splunkd: Splunkd) -> None:
    pages.open("configuration")
    pages.page.get_by_role("button", name="Add", exact=True).click()
    good = {"name": "markup", "host": "127.0.0.1", "port": "8302", "fingerprint": "", "pkcs12_password": PASSWORD}
    pages.fill(**good)
    pages.upload(file())
    pages.untick("check_connection")
    for parameter, value in good.items():
        hostile = f"hostile-1b2c3d4e {SCRIPT}" if parameter == "pkcs12_password" else SCRIPT
        pages.fill(**{parameter: hostile})
        pages.press_save()
        expect(pages.refusal()).to_be_visible()
        expect(pages.control(parameter).locator("input").first).to_have_value(hostile)
        assert pages.page.locator("img[src=x]").count() == 0
        pages.fill(**{parameter: value})
    # What splunkd refuses is shown as splunkd quotes it.
    refusal = {"messages": [{"type": "ERROR", "text": f"host: {SCRIPT}"}]}
    pages.answer(rf"{ACCOUNT}\?", 400, json.dumps(refusal))
    pages.press_save()
    expect(pages.refusal()).to_contain_text(SCRIPT)
    assert pages.page.locator("img[src=x]").count() == 0
    pages.let_through()
    assert "markup" not in splunkd.stanzas(CONF)


def test_whole_form_is_filled_and_saved_by_the_keyboard(
    pages: Pages, splunkd: Splunkd, server: FmcServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("upload") / "client.p12"
    path.write_bytes(server.pkcs12(password=PASSWORD))
    pages.open("configuration")
    keyboard = pages.page.keyboard
    # From here on the browser hands over its questions for a file.
    pages.page.on("filechooser", lambda _: None)
    pages.page.get_by_role("button", name="Add", exact=True).focus()
    keyboard.press("Enter")
    expect(pages.form).to_be_visible()
    typed = {"name": "keys", "host": server.address, "port": str(server.port), "pkcs12_password": PASSWORD}
    seen: list[str] = []
    for _ in range(30):
        keyboard.press("Tab")
        focused = "document.activeElement.closest('[data-name]')?.dataset.name || document.activeElement.innerText"
        at = str(pages.page.evaluate(focused))
        if seen[-1:] == [at]:
            continue
        seen.append(at)
        if at in typed:
            keyboard.press("ControlOrMeta+A")
            keyboard.type(typed[at])
        elif at == "pkcs12":
            with pages.page.expect_file_chooser() as chooser:
                keyboard.press("Enter")
            chooser.value.set_files(path)
            expect(pages.control("pkcs12").get_by_role("status")).to_contain_text("client.p12")
        elif at == "legacy_certificates":
            keyboard.press("Space")
            keyboard.press("Space")
        elif at == "Add":
            break
    assert [one for one in seen if one in (*typed, "pkcs12", "fingerprint", "check_connection")] == [
        "name",
        "host",
        "port",
        "pkcs12",
        "pkcs12_password",
        "fingerprint",
        "check_connection",
    ]
    keyboard.press("Enter")
    pages.saved()
    assert shown(splunkd, ACCOUNT, "keys")["port"] == str(server.port)


def test_pages_for_setting_up_are_not_offered_to_analysts(browser: Browser, web: SplunkWeb, splunkd: Splunkd) -> None:
    create(splunkd, ACCOUNT, account("hidden", host="hidden.example.com"))
    with window(browser, web, Login("eve", "guess", roles=("user", "power"))) as pages:
        for view in ("configuration", "inputs"):
            response = pages.page.goto(web.page(view))
            assert response is not None
            assert (response.status, "hidden" in response.text()) == (404, False)
        pages.problems = [one for one in pages.problems if "404" not in one]


@pytest.fixture
def pages_for_all(splunkd: Splunkd) -> Iterator[None]:
    """Both pages may be seen by everybody, as somebody may have set it."""
    path = splunkd.home.apps / APP / "metadata" / "local.meta"
    path.write_text("".join(f"[views/{view}]\naccess = read : [ * ]\n" for view in ("configuration", "inputs")))
    yield
    path.unlink()


@pytest.mark.usefixtures("pages_for_all")
def test_user_without_the_capability_is_told_so_and_sees_nothing(
    browser: Browser, web: SplunkWeb, splunkd: Splunkd
) -> None:
    create(splunkd, ACCOUNT, account("hidden", host="hidden.example.com"))
    with window(browser, web, Login("mallory", "guess", roles=("user",))) as pages:
        for view in ("configuration", "inputs"):
            pages.page.goto(web.page(view))
            expect(pages.page.get_by_text("do not have permission").first).to_be_visible()
            expect(pages.page.get_by_text("hidden")).to_have_count(0)
            pages.shoot(f"{view}_without_the_capability")
        # The page's own error boundary reports what it shows.
        pages.problems = [one for one in pages.problems if "permission" not in one]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_readable_in_both_themes(
    browser: Browser, web: SplunkWeb, splunkd: Splunkd, server: FmcServer, theme: str
) -> None:
    create(splunkd, ACCOUNT, account(f"dusk_{theme}", pkcs12=pkcs12(variant="expiring")))
    create(splunkd, ACCOUNT, reachable(f"night_{theme}", server, check_connection="0"))
    with window(browser, web, Login(f"owl_{theme}", "hoot", theme=theme)) as pages:
        pages.open("configuration")
        pages.page.get_by_role("button", name=f"Check the connection of night_{theme}").click()
        expect(pages.cell(f"night_{theme}", "check_connection")).to_contain_text("The connection works.")
        pages.shoot(f"accounts_{theme}")
        for column in ("check_connection", "certificate_subject", "certificate_fingerprint", "certificate_not_after"):
            assert_readable(pages, f"td[data-column='{column}'] .sfw")
        assert_readable(pages, "#sfw-expiry-warning")
        pages.row(f"night_{theme}").get_by_role("button", name="Edit").click()
        pages.shoot(f"account_form_{theme}")
        assert_readable(pages, "[data-name='pkcs12'] .sfw")

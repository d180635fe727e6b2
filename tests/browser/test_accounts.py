"""The accounts page: what is refused and how, what stays, the check, the expiry, and who may see any of it."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.fmc.pki import shared_pki
from tests.fmc.server import FmcServer
from tests.setup.forms import ACCOUNT, PASSWORD, account, create, pkcs12, reachable, shown
from tests.splunkd import Splunkd
from tests.splunkweb import Login, SplunkWeb

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


def file(**options: object) -> bytes:
    return shared_pki().pkcs12(**{"password": PASSWORD, **options})  # type: ignore[arg-type]


UPLOADS = {
    "wrong password": (file(password="another"), "client.pkcs12", "does not open"),
    "not a PKCS#12": (b"\x30\x03abc, and so on", "client.pkcs12", "This is no PKCS#12 file"),
    "text": (b"-----BEGIN CERTIFICATE-----", "client.p12", "it is text in the PEM format"),
    "no private key": (file(with_key=False), "client.pfx", "holds no private key"),
    "no CA": (file(with_ca=False), "client.pkcs12", "holds no CA certificate"),
    "expired": (file(variant="expired"), "client.pkcs12", "expired on"),
    "not yet valid": (file(variant="not-yet-valid"), "client.pkcs12", "is not valid before"),
    "weak key": (file(variant="weak-key"), "client.pkcs12", 'switch on "Legacy certificates"'),
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
    expect(pages.cell("kept", "certificate_subject")).to_have_text("127.0.0.1")

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


def test_script_in_a_certificate_is_shown_as_text(pages: Pages, splunkd: Splunkd, closed_port: str) -> None:
    create(splunkd, ACCOUNT, account("script", port=closed_port, pkcs12=pkcs12(address=SCRIPT)))
    pages.open("configuration")
    expect(pages.cell("script", "certificate_subject")).to_have_text(SCRIPT)
    pages.page.get_by_role("button", name="Check the connection of script").click()
    expect(pages.cell("script", "check_connection")).to_contain_text(SCRIPT)
    pages.row("script").get_by_role("cell").first.click()
    expect(pages.page.get_by_text("SHA-256 fingerprint")).to_be_visible()
    pages.page.get_by_role("button", name="Edit").first.click()
    pages.upload(file(), f"{SCRIPT.replace('/', '')}.p12")
    expect(pages.control("pkcs12").get_by_role("status")).to_contain_text(SCRIPT)


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


def test_pages_are_readable_in_the_dark_theme(
    browser: Browser, web: SplunkWeb, splunkd: Splunkd, server: FmcServer
) -> None:
    create(splunkd, ACCOUNT, account("dusk", pkcs12=pkcs12(variant="expiring")))
    create(splunkd, ACCOUNT, reachable("night", server, check_connection="0"))
    with window(browser, web, Login("owl", "hoot", theme="dark")) as pages:
        pages.open("configuration")
        pages.page.get_by_role("button", name="Check the connection of night").click()
        expect(pages.cell("night", "check_connection")).to_contain_text("The connection works.")
        pages.shoot("accounts_dark")
        assert_readable(pages, "td[data-column='check_connection'] .sfw")
        pages.row("night").get_by_role("button", name="Edit").click()
        pages.shoot("account_form_dark")
        assert_readable(pages, "[data-name='pkcs12'] .sfw")


def assert_readable(pages: Pages, selector: str) -> None:
    """Assert that a text stands out from what is behind it as WCAG's level AA asks."""
    contrast = pages.page.locator(selector).first.evaluate(
        """(element) => {
            const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
            const light = (text) => {
                const [red, green, blue] = numbers(text).map((one) => {
                    const part = one / 255;
                    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
            };
            let behind = element;
            const solid = (one) => {
                const color = numbers(getComputedStyle(one).backgroundColor);
                return color.length === 3 || color[3] === 1;
            };
            while (behind.parentElement && !solid(behind)) {
                behind = behind.parentElement;
            }
            const lights = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
            return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
        }"""
    )
    assert contrast >= 4.5

"""Sessions, tokens, roles and capabilities of the stand-in, with the example add-on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from standins.splunkd import Splunkd
from standins.splunkd.example import FILES, pack
from standins.splunkd.replies import RestProblem
from standins.splunkd.rights import holds, requirement

GUARDED = FILES["default/restmap.conf"].replace(
    "members = example_things, example_view\n",
    "members = example_things, example_view\ncapability = see_example\ncapability.post = edit_example or edit_all\n",
)
AUTHORIZE = """[capability::see_example]
[capability::edit_example]
[capability::edit_all]
[role_admin]
see_example = enabled
edit_all = enabled
[role_user]
see_example = enabled
edit_example = disabled
"""
META = """[]
access = read : [ * ], write : [ admin ]
[example_things]
access = read : [ admin, power ], write : [ admin ]
[example_things/shipped]
access = read : [ admin ], write : [ admin, power ]
[passwords]
access = read : [ admin, sc_admin ], write : [ admin, sc_admin ]
[views/private]
access = read : [ admin ]
"""


@pytest.fixture
def splunkd(tmp_path: Path) -> Iterator[Splunkd]:
    changes = {
        "default/restmap.conf": GUARDED,
        "default/authorize.conf": AUTHORIZE,
        "metadata/default.meta": META,
        "default/data/ui/views/private.xml": "<view/>",
        "default/data/ui/views/public.xml": "<view/>",
    }
    with Splunkd(tmp_path / "home") as running:
        running.install(pack(tmp_path / "guarded.spl", changes))
        yield running


def test_capability_for_all_methods_and_for_one_must_both_be_there(splunkd: Splunkd) -> None:
    user, nobody = splunkd.log_in("u", "user"), splunkd.log_in("n", "power")
    form = {"name": "new", "color": "blue"}
    assert splunkd.request("GET", "example_things").status == 200
    assert splunkd.request("POST", "example_things", form).status == 201
    assert splunkd.request("GET", "example_things", session_key=user).status == 200
    refused = splunkd.request("POST", "example_things", form, session_key=user)
    assert (refused.status, "requires capability: " in refused.message) == (403, True)
    assert splunkd.request("GET", "example_things", session_key=nobody).status == 403


def test_handler_is_open_below_admin_unless_it_asks_itself(splunkd: Splunkd) -> None:
    nobody = splunkd.log_in("n", "power")
    assert splunkd.request("GET", "admin/example_things", session_key=nobody).status == 200


def test_roles_that_metadata_names_read_and_write_a_conf(splunkd: Splunkd) -> None:
    path = "configs/conf-example_things"
    power, user = splunkd.log_in("p", "power"), splunkd.log_in("u", "user")
    assert splunkd.request("GET", path, session_key=power).status == 200
    assert splunkd.request("POST", path, {"name": "new", "color": "red"}, session_key=power).status == 403
    assert splunkd.request("GET", path, session_key=user).status == 403
    assert splunkd.request("POST", path, {"name": "new", "color": "red"}).status == 201


def test_passwords_are_for_those_who_may_list_or_edit_them(splunkd: Splunkd) -> None:
    cloud, user = splunkd.log_in("c", "sc_admin"), splunkd.log_in("u", "user")
    form = {"name": "a", "realm": "b", "password": "x"}
    assert splunkd.request("POST", "storage/passwords", form, session_key=cloud).status == 201
    assert splunkd.request("GET", "storage/passwords", session_key=user).status == 403
    assert splunkd.request("DELETE", "storage/passwords/b%3Aa%3A", session_key=user).status == 403


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("default/authorize.conf", "[role_admin]\nsee_example = enabled\n", "undeclared ['see_example']"),
        ("default/restmap.conf", GUARDED + "capability = see_example\n", "[admin_external:example_view] asks"),
    ],
)
def test_add_on_that_would_be_open_in_splunk_is_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with Splunkd(tmp_path / "home") as splunkd:
        splunkd.install(pack(tmp_path / "broken.spl", {"default/restmap.conf": GUARDED, name: text}))
        answer = splunkd.request("GET", "example_things")
        assert (answer.status, problem in answer.message) == (500, True)


def test_expressions_of_capabilities_are_read_as_the_spec_says() -> None:
    owned = {"edit_monitor", "edit_user"}
    assert holds("edit_monitor", owned)
    assert not holds("edit_tcp", owned)
    assert holds("(edit_tcp or edit_monitor) and edit_user", owned)
    assert not holds("edit_tcp or edit_monitor and edit_other", owned)
    assert requirement({"capability": "a", "capability.get": "b"}, "GET") == "(a) and (b)"
    assert requirement({"capability.post": "b"}, "GET") == ""
    for wrong in ("a b", "a and", "(a", "a)", "or", "!a", ""):
        with pytest.raises(RestProblem):
            holds(wrong, owned)


SCRIPT = """
[script:example_file]
match = /example_file
handler = example_file.Handler
requireAuthentication = {login}
capability = see_example
"""


@pytest.mark.parametrize(("login", "status"), [("true", {"u": 501, "n": 403}), ("false", {"u": 500, "n": 500})])
def test_persistent_script_asks_for_a_login_and_its_capability(
    tmp_path: Path, login: str, status: dict[str, int]
) -> None:
    changes = {"default/restmap.conf": GUARDED + SCRIPT.format(login=login), "default/authorize.conf": AUTHORIZE}
    with Splunkd(tmp_path / "home") as running:
        running.install(pack(tmp_path / "script.spl", changes))
        roles = {"u": "user", "n": "power"}
        found = {
            user: running.request("GET", "example_file", session_key=running.log_in(user, role)).status
            for user, role in roles.items()
        }
    assert found == status


def test_local_metadata_goes_before_that_of_the_package(splunkd: Splunkd) -> None:
    user = splunkd.log_in("u", "user")
    assert splunkd.request("GET", "configs/conf-example_things", session_key=user).status == 403
    metadata = splunkd.home.apps / "TA_example" / "metadata"
    (metadata / "local.meta").write_text("[example_things]\naccess = read : [ user ], write : [ admin ]\n")
    assert splunkd.request("GET", "configs/conf-example_things", session_key=user).status == 200
    edit = splunkd.request("POST", "configs/conf-example_things/shipped", {"color": "blue"}, session_key=user)
    assert edit.status == 403


def test_capability_opens_no_passwords_that_metadata_keep_from_the_role(splunkd: Splunkd) -> None:
    splunkd.request("POST", "storage/passwords", {"name": "a", "realm": "b", "password": "x"})
    given = dict.fromkeys(("list_storage_passwords", "edit_storage_passwords"), "enabled")
    splunkd.set_conf("authorize", "role_power", given)
    key = splunkd.log_in("p", "power")
    for method, path, form in (
        ("GET", "storage/passwords", None),
        ("GET", "storage/passwords/b%3Aa%3A", None),
        ("POST", "storage/passwords/b%3Aa%3A", {"password": "y"}),
        ("DELETE", "storage/passwords/b%3Aa%3A", None),
        ("GET", "configs/conf-passwords", None),
    ):
        answer = splunkd.request(method, path, form, session_key=key)
        assert (answer.status, answer.entries) == (403, {}), (method, path)
    assert splunkd.request("GET", "storage/passwords", session_key=splunkd.log_in("c", "sc_admin")).status == 200


def test_who_may_do_all_is_let_through_whatever_metadata_say(splunkd: Splunkd) -> None:
    splunkd.set_conf("authorize", "role_all", {"admin_all_objects": "enabled"})
    key = splunkd.log_in("a", "all")
    assert splunkd.request("GET", "configs/conf-example_things/shipped", session_key=key).status == 200
    assert splunkd.request("GET", "storage/passwords", session_key=key).status == 200


def test_metadata_of_one_object_go_before_those_of_its_kind(splunkd: Splunkd) -> None:
    key = splunkd.log_in("p", "power")
    path = "configs/conf-example_things"
    assert splunkd.request("GET", path, session_key=key).entries == {}
    assert splunkd.request("GET", f"{path}/shipped", session_key=key).status == 403
    assert splunkd.request("POST", f"{path}/shipped", {"color": "blue"}, session_key=key).status == 200
    assert list(splunkd.request("GET", "data/ui/views", session_key=key).entries) == ["public"]
    assert splunkd.request("GET", "data/ui/views/private", session_key=key).status == 403
    assert list(splunkd.request("GET", "data/ui/views").entries) == ["private", "public"]

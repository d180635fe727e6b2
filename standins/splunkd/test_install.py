"""What the stand-in installs and what it refuses."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import pytest

from standins.splunkd import InstallError, SchemeError, Splunkd
from standins.splunkd.example import FILES, NAME, member, pack
from standins.splunkd.home import create
from standins.splunkd.install import install
from standins.splunkd.scheme import check_against_spec, parse_scheme

SCHEME = (
    "<scheme><title>T</title><use_external_validation>true</use_external_validation>"
    "<use_single_instance>false</use_single_instance><streaming_mode>xml</streaming_mode>"
    '<endpoint><args><arg name="a"><title>A</title></arg></args></endpoint></scheme>'
)


def test_package_is_unpacked_with_its_modes_and_its_checkpoint_folder_made(tmp_path: Path) -> None:
    home = create(tmp_path / "home", sys.executable)
    app = install(pack(tmp_path / "a.spl", extra=[member(f"{NAME}/bin/tool.sh", mode=0o755)]), home)
    assert app.path == tmp_path / "home" / "etc" / "apps" / NAME
    assert (app.path / "bin" / "example.py").read_text() == FILES["bin/example.py"]
    assert (app.path / "bin" / "example.py").stat().st_mode & 0o777 == 0o644
    assert (app.path / "bin" / "tool.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "home" / "database" / "modinputs" / "example").is_dir()
    assert (tmp_path / "home" / "var" / "log" / "splunk").is_dir()


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (member("/etc/evil"), "leads out"),
        (member(f"{NAME}/../evil"), "leads out"),
        (member(f"{NAME}/a\\b"), "leads out"),
        (member(f"{NAME}/link", tarfile.SYMTYPE), "neither a file nor a folder"),
        (member(f"{NAME}/link", tarfile.LNKTYPE), "neither a file nor a folder"),
        (member(f"{NAME}/pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (member(f"{NAME}/local/app.conf"), "local settings"),
        (member(f"{NAME}/metadata/local.meta"), "local settings"),
        (member(f"{NAME}/.hidden"), "hidden"),
        (member(f"{NAME}/bin/__pycache__/x.py"), "hidden or generated"),
        (member(f"{NAME}/bin/x.pyc"), "compiled"),
        (member(f"{NAME}/bin/x.py", mode=0o777), "mode 777"),
        (member(f"{NAME}/bin/x.py", mode=0o600), "mode 600"),
        (member(f"{NAME}/bin/x.py", mode=0o4755), "mode 4755"),
        (member(f"{NAME}/more", tarfile.DIRTYPE, 0o700), "mode 700"),
        (member(f"{NAME}/bin/example.py"), "twice"),
        (member("other/file"), "exactly one folder"),
    ],
)
def test_member_that_splunk_would_not_take_is_refused(tmp_path: Path, extra: tarfile.TarInfo, reason: str) -> None:
    home = create(tmp_path / "home", sys.executable)
    with pytest.raises(InstallError, match=reason):
        install(pack(tmp_path / "a.spl", extra=[extra]), home)
    assert list(home.apps.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"default/app.conf": None}, "no default/app.conf"),
        ({"default/app.conf": "[package]\nid = other\n"}, "has the id other"),
        ({"app.manifest": '{"info": {"id": {"name": "TA_example", "version": "2.0.0"}}}'}, "2.0.0"),
    ],
)
def test_app_that_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, str | None], reason: str) -> None:
    with pytest.raises(InstallError, match=reason):
        install(pack(tmp_path / "a.spl", changes), create(tmp_path / "home", sys.executable))


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.spl").write_bytes(b"not an archive")
    with pytest.raises(InstallError, match="tar"):
        install(tmp_path / "a.spl", create(tmp_path / "home", sys.executable))


def test_upgrade_replaces_what_ships_and_keeps_what_is_local(tmp_path: Path) -> None:
    home = create(tmp_path / "home", sys.executable)
    app = install(pack(tmp_path / "a.spl", {"bin/gone.py": "pass\n"}), home)
    (app.path / "local").mkdir()
    (app.path / "local" / "inputs.conf").write_text("[example://one]\n")
    install(pack(tmp_path / "b.spl", {"bin/example_rh.py": "changed = 1\n"}), home)
    assert (app.path / "local" / "inputs.conf").read_text() == "[example://one]\n"
    assert (app.path / "bin" / "example_rh.py").read_text() == "changed = 1\n"
    assert not (app.path / "bin" / "gone.py").exists()


def test_scheme_lists_its_arguments() -> None:
    scheme = parse_scheme(SCHEME.encode())
    assert [argument.name for argument in scheme.arguments] == ["a"]
    assert scheme.use_external_validation


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("xml</streaming_mode>", "simple</streaming_mode>", "streaming_mode"),
        ("<streaming_mode>xml</streaming_mode>", "", "streaming_mode"),
        ("false</use_single_instance>", "true</use_single_instance>", "use_single_instance"),
        ("<title>T</title>", "", "without <title>"),
        ("<title>T</title>", "<title>T</title><other/>", "unknown elements"),
        ("<title>T</title>", "<title>T</title><title>T</title>", "each element once"),
        ("true</use_external", "maybe</use_external", "neither true nor false"),
        ("<title>A</title>", "<data_type>date</data_type>", "data_type"),
        ("<title>A</title>", "<other/>", "unknown elements"),
        ('<arg name="a">', '<arg name="">', "not an argument"),
        ("</args>", '<arg name="a"/></args>', "listed twice"),
        ("</scheme>", "</scheme>trailing", "one XML document"),
    ],
)
def test_scheme_that_breaks_a_rule_is_refused(old: str, new: str, reason: str) -> None:
    assert old in SCHEME
    with pytest.raises(SchemeError, match=reason):
        parse_scheme(SCHEME.replace(old, new).encode())


def test_scheme_and_spec_must_name_the_same_arguments() -> None:
    scheme = parse_scheme(SCHEME.encode())
    check_against_spec("kind", scheme, {"kind://<name>": {"a", "interval", "python.version"}})
    with pytest.raises(SchemeError, match=r"only in inputs.conf.spec: \['b'\]"):
        check_against_spec("kind", scheme, {"kind://<name>": {"a", "b"}})
    with pytest.raises(SchemeError, match=r"only in the scheme: \['a'\]"):
        check_against_spec("kind", scheme, {"kind://<name>": set()})
    with pytest.raises(SchemeError, match="0 stanzas"):
        check_against_spec("kind", scheme, {"other://<name>": {"a"}})


def test_input_whose_script_cannot_say_its_scheme_is_refused(tmp_path: Path) -> None:
    with Splunkd(tmp_path / "home") as splunkd, pytest.raises(SchemeError, match="ended with 3"):
        splunkd.install(pack(tmp_path / "a.spl", {"bin/example.py": "import sys\nsys.exit(3)\n"}))


def test_input_that_does_not_name_splunks_python_is_refused(tmp_path: Path) -> None:
    conf = "[example]\npython.required = 3.7, 3.13\n"
    with Splunkd(tmp_path / "home") as splunkd, pytest.raises(SchemeError, match=r"3\.7"):
        splunkd.install(pack(tmp_path / "a.spl", {"default/inputs.conf": conf}))


def test_an_app_that_is_changed_in_one_splunk_is_installed_unchanged_in_the_next(tmp_path: Path) -> None:
    package = pack(tmp_path / "a.spl", {"lib/library.py": "kept = 1\n"})
    first, second, third = (
        install(package, create(tmp_path / name, sys.executable)) for name in ("one", "two", "three")
    )
    (second.path / "bin" / "example.py").write_text("changed = 1\n")
    fourth = install(package, create(tmp_path / "four", sys.executable))
    for app in (first, third, fourth):
        assert (app.path / "bin" / "example.py").read_text() == FILES["bin/example.py"]
        assert (app.path / "lib" / "library.py").read_text() == "kept = 1\n"


def test_a_package_that_is_replaced_is_unpacked_again(tmp_path: Path) -> None:
    install(pack(tmp_path / "a.spl"), create(tmp_path / "one", sys.executable))
    app = install(
        pack(tmp_path / "a.spl", {"bin/example_rh.py": "other = 1\n"}), create(tmp_path / "two", sys.executable)
    )
    assert (app.path / "bin" / "example_rh.py").read_text() == "other = 1\n"

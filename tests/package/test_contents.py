"""What is in the built package, and in which form."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from estreamer import settings
from estreamer.events import facts, repair
from packaging.requirements import Requirement

from standins.places import APP, ROOT

from .confs import read_conf

pytestmark = pytest.mark.package

ACCOUNT_FIELDS = {"host", "port", "pkcs12", "pkcs12_password", "fingerprint", "legacy_certificates"}
OF_CERTIFICATES = "subject issuer not_before not_after chain_not_after ends_first fingerprint"
CERTIFICATE_VALUES = {f"certificate_{name}" for name in OF_CERTIFICATES.split()}
INPUT_FIELDS = {
    "account",
    "failover_account",
    "event_types",
    "connection_fields",
    "intrusion_fields",
    "packet_fields",
    "file_fields",
    "start_from",
    "drop_rules",
    "request_style",
    "settle",
    "planned_restart",
    "index",
    "interval",
}
ENDPOINTS = {
    f"{APP}_{name}" for name in ("account", "settings", "estreamer_fqe", "check", "preview", "catalog", "state")
}
PLATFORMS = ("linux_x86_64", "linux_aarch64", "windows_x86_64")


def members(package: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(package) as archive:
        return archive.getmembers()


def spec_settings(path: Path) -> set[str]:
    return set(re.findall(r"^([a-z_.0-9]+) =", path.read_text(encoding="utf-8"), re.MULTILINE))


def services(config: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the fields of each tab and input of globalConfig.json by their name."""
    pages = config["pages"]
    forms = [*pages["configuration"]["tabs"], *pages["inputs"]["services"]]
    return {form["name"]: {field["field"]: field for field in form["entity"]} for form in forms if "entity" in form}


@pytest.fixture(scope="module")
def config(addon: Path) -> dict[str, Any]:
    return dict(json.loads((addon / "appserver/static/js/build/globalConfig.json").read_text(encoding="utf-8")))


def test_everything_lies_in_the_folder_of_the_app(built_package: Path) -> None:
    assert {member.name.split("/")[0] for member in members(built_package)} == {APP}


def test_the_top_level_is_that_of_an_addon(addon: Path) -> None:
    assert {path.name for path in addon.iterdir()} >= {
        "LICENSE",
        "NOTICE",
        "README",
        "VERSION",
        "app.manifest",
        "appserver",
        "bin",
        "default",
        "docs",
        "lib",
        "lookups",
        "metadata",
        "static",
    }
    assert not (addon / "local").exists()
    assert not (addon / "tests").exists()


def test_every_link_of_a_page_that_ships_leads_to_something_that_ships(addon: Path) -> None:
    pages = [addon / "README.md", addon / "CHANGELOG.md", *(addon / "docs").rglob("*.md")]
    assert {page.name for page in pages} >= {page.name for page in (ROOT / "docs").rglob("*.md")}
    links = {(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))}
    assert len(links) > 80
    missing = [(page.name, link) for page, link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_page_that_a_comment_of_the_addon_names_ships(addon: Path) -> None:
    files = [*(addon / "bin/estreamer").rglob("*.py"), *(addon / "default").rglob("*.conf"), *addon.glob("README/*")]
    named = {page for file in files for page in re.findall(r"\bdocs/[\w/-]+\.md", file.read_text(encoding="utf-8"))}
    assert len(named) > 5
    assert [page for page in sorted(named) if not (addon / page).is_file()] == []


def test_pictures_are_told_in_words_where_they_do_not_ship(addon: Path) -> None:
    assert not list((addon / "docs").rglob("*.png"))
    described = re.findall(r"!\[([^\]]+)\]\(pictures/", (ROOT / "docs/health.md").read_text(encoding="utf-8"))
    page = (addon / "docs/health.md").read_text(encoding="utf-8")
    assert described
    assert all(f"*Picture: {text}*" in page for text in described)


def test_files_are_644_folders_755_and_nobody_owns_them(built_package: Path) -> None:
    for member in members(built_package):
        assert member.isdir() or member.isfile(), member.name
        assert member.mode == (0o755 if member.isdir() else 0o644), member.name
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", ""), member.name


def test_no_dotfiles_no_compiled_files_no_tests_of_libraries(built_package: Path) -> None:
    for member in members(built_package):
        parts = member.name.split("/")
        assert not any(part.startswith(".") or part in ("__pycache__", "test", "tests") for part in parts), parts
        assert not member.name.endswith((".pyc", ".pyo")), member.name


def test_the_version_is_the_same_everywhere(built_package: Path, addon: Path, config: dict[str, Any]) -> None:
    version = json.loads((ROOT / "app.manifest").read_text(encoding="utf-8"))["info"]["id"]["version"]
    conf = read_conf(addon / "default/app.conf")
    assert json.loads((ROOT / "globalConfig.json").read_text(encoding="utf-8"))["meta"]["version"] == version
    assert json.loads((addon / "app.manifest").read_text(encoding="utf-8"))["info"]["id"]["version"] == version
    assert conf["launcher"]["version"] == conf["id"]["version"] == config["meta"]["version"] == version
    assert built_package.name == f"{APP}-{version}.spl"


def test_app_conf_names_the_app_and_reloads_its_confs(addon: Path) -> None:
    conf = read_conf(addon / "default/app.conf")
    assert conf["package"] == {"id": APP, "check_for_updates": "false"}
    assert conf["ui"]["label"] == "Secure Firewall eStreamer Add-on"
    assert conf["install"]["build"].isdigit()
    assert conf["triggers"] == {
        "reload.ta_secure_firewall_estreamer_account": "simple",
        "reload.ta_secure_firewall_estreamer_settings": "simple",
    }


def test_the_confs_are_replicated_in_a_search_head_cluster(addon: Path) -> None:
    assert read_conf(addon / "default/server.conf")["shclustering"] == {
        "conf_replication_include.ta_secure_firewall_estreamer_account": "true",
        "conf_replication_include.ta_secure_firewall_estreamer_settings": "true",
    }


def test_every_lookup_has_its_table_and_every_table_its_lookup(addon: Path) -> None:
    lookups = read_conf(addon / "default/transforms.conf")
    tables = {stanza["filename"] for stanza in lookups.values() if "filename" in stanza}
    assert tables == set(os.listdir(addon / "lookups"))


def test_search_knowledge_is_shared_with_all_apps_and_pages_are_not(addon: Path) -> None:
    text = (addon / "metadata/default.meta").read_text(encoding="utf-8")
    shared = dict(re.findall(r"^\[([\w/]+)\]\n(?:access = .*\n)?export = (\w+)$", text, re.MULTILINE))
    assert shared == {
        **dict.fromkeys(("props", "transforms", "lookups", "eventtypes", "tags", "macros"), "system"),
        **dict.fromkeys(("commands", "searchbnf", "workflow_actions"), "system"),
        **dict.fromkeys(("views", "views/inputs", "views/configuration", "savedsearches", "nav"), "none"),
        **dict.fromkeys(("passwords", f"{APP.lower()}_account", f"{APP.lower()}_settings"), "none"),
    }


def test_no_conf_that_an_addon_must_not_bring(addon: Path) -> None:
    assert not {"limits.conf", "indexes.conf", "passwords.conf", "outputs.conf"} & set(os.listdir(addon / "default"))


OF_A_SCRIPT = {"handlerfile", "script", "filename", "interval"}
"""Settings by which a stanza of restmap.conf, commands.conf or inputs.conf runs a script."""


def test_every_stanza_that_runs_python_names_the_supported_versions(addon: Path) -> None:
    """Splunk 9.3 and 9.4 know python.version only, and their `python3` is 3.7; Splunk 10 goes by python.required."""
    counts = {}
    for name in ("inputs", "restmap", "commands"):
        stanzas = read_conf(addon / f"default/{name}.conf").values()
        scripted = [stanza for stanza in stanzas if OF_A_SCRIPT & set(stanza)]
        counts[name] = len(scripted)
        pythons = {(stanza.get("python.version"), stanza.get("python.required")) for stanza in scripted}
        assert pythons == {("python3.9", "3.9, 3.13")}, name
    assert counts == {"inputs": 1, "restmap": len(ENDPOINTS) + 1, "commands": 1}
    for conf in (addon / "default").rglob("*.conf"):
        named = re.findall(r"^python\.\w+ = (.+)$", conf.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= {"python3.9", "3.9, 3.13"}, conf.name
    for spec in (addon / "README").iterdir():
        assert "3.7" not in spec.read_text(encoding="utf-8"), spec.name


def test_the_versions_of_splunk_are_the_same_everywhere(addon: Path) -> None:
    manifest = json.loads((addon / "app.manifest").read_text(encoding="utf-8"))
    assert manifest["platformRequirements"] == {"splunk": {"Enterprise": ">=9.3"}}
    for page in ("README.md", "docs/install.md", "bin/supported_python.py"):
        assert "Splunk 9.3 or later" in (addon / page).read_text(encoding="utf-8"), page


def test_endpoints_are_registered_and_exposed(addon: Path) -> None:
    restmap = read_conf(addon / "default/restmap.conf")
    handlers = {name.split(":")[1]: stanza for name, stanza in restmap.items() if name.startswith("admin_external:")}
    listed = [stanza["members"] for name, stanza in restmap.items() if name.startswith("admin:")]
    assert set(handlers) == ENDPOINTS == {name.strip() for names in listed for name in names.split(",")}
    for stanza in handlers.values():
        assert (addon / "bin" / stanza["handlerfile"]).is_file()


EXPOSED = {
    "account": "GET, POST",
    "account/*": "POST, GET, DELETE",
    "estreamer_fqe": "GET, POST",
    "estreamer_fqe/*": "POST, GET, DELETE",
    "settings": "GET",
    "settings/*": "POST, GET",
    "check/*": "POST",
    "preview": "POST",
    "catalog": "GET",
    "catalog/*": "GET",
    "state": "GET",
    "state/*": "GET",
    "packets": "GET",
}
"""Endpoints that a browser reaches, and its methods. What acts or costs is not to be had by GET, which any page that a
user looks at can have the browser send: the check connects, the preview parses."""


def test_browsers_reach_each_endpoint_by_the_methods_that_it_has_and_by_no_other(addon: Path) -> None:
    exposed = {stanza["pattern"]: stanza["methods"] for stanza in read_conf(addon / "default/web.conf").values()}
    assert exposed == {**{f"{APP}_{name}": methods for name, methods in EXPOSED.items()}, "data/indexes": "GET"}
    restmap = read_conf(addon / "default/restmap.conf")
    assert restmap[f"admin_external:{APP}_check"]["handleractions"] == "edit"


def test_the_input_has_exactly_the_promised_fields(addon: Path, config: dict[str, Any]) -> None:
    assert set(services(config)["estreamer_fqe"]) == INPUT_FIELDS | {"name"}
    assert spec_settings(addon / "README/inputs.conf.spec") == INPUT_FIELDS | {"python.required"}


def test_the_account_has_exactly_the_promised_fields(addon: Path, config: dict[str, Any]) -> None:
    spec = addon / "README/ta_secure_firewall_estreamer_account.conf.spec"
    assert set(services(config)["account"]) == ACCOUNT_FIELDS | {"name", "check_connection"}
    assert spec_settings(spec) == ACCOUNT_FIELDS | CERTIFICATE_VALUES
    encrypted = {name for name, field in services(config)["account"].items() if field.get("encrypted")}
    assert encrypted == {"pkcs12", "pkcs12_password"}


def test_the_defaults_of_the_form_are_those_of_the_conf(addon: Path, config: dict[str, Any]) -> None:
    stanza = read_conf(addon / "default/inputs.conf")["estreamer_fqe"]
    form = services(config)["estreamer_fqe"]
    defaults = {name: str(field["defaultValue"]) for name, field in form.items() if "defaultValue" in field}
    assert set(defaults) == {"index", "interval", "settle", "planned_restart"}
    assert {name: stanza[name] for name in defaults} == defaults
    # The page's own controls take theirs from the catalogue; a browser shows that they do.
    assert {name for name in stanza if name in INPUT_FIELDS} - set(defaults) == {
        "event_types",
        *settings.FIELD_PARAMETERS.values(),
        "start_from",
        "request_style",
    }
    assert stanza["start_by_shell"] == "false"
    assert "use_single_instance" not in stanza


def custom_modules(node: Any) -> set[str]:
    """Return the modules that globalConfig.json names, wherever they stand."""
    if isinstance(node, list):
        return set().union(*map(custom_modules, node))
    if not isinstance(node, dict):
        return set()
    own = {node["src"]} if node.get("type") == "external" else set()
    return own.union(*map(custom_modules, node.values()))


def test_every_module_of_the_pages_is_in_the_package_and_asks_nobody_but_splunk(
    addon: Path, config: dict[str, Any]
) -> None:
    folder = addon / "appserver/static/js/build/custom"
    texts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.js")}
    imported = {name for text in texts.values() for name in re.findall(r"from '\./(\w+)\.js'", text)}
    assert set(texts) == custom_modules(config) | imported
    for name, text in texts.items():
        assert re.findall(r"https?://|innerHTML|\beval\b|new Function|document\.write", text) == [], name


def test_every_field_is_explained(config: dict[str, Any]) -> None:
    for form in services(config).values():
        for name, field in form.items():
            assert field.get("help"), name


def test_scripts_and_handlers_are_those_of_the_sources(addon: Path) -> None:
    for source in sorted((ROOT / "bin").rglob("*.py")):
        assert (addon / "bin" / source.relative_to(ROOT / "bin")).read_bytes() == source.read_bytes(), source.name
    assert (ROOT / "bin/estreamer_fqe.py").is_file()
    endpoint = (addon / f"bin/{APP}_rh_estreamer_fqe.py").read_text(encoding="utf-8")
    assert "handler=InputHandler" in endpoint


def test_no_script_is_hidden_by_a_package_of_its_name(addon: Path) -> None:
    assert not (addon / "bin/estreamer_fqe").exists()


def test_truncate_leaves_the_longest_event_whole(addon: Path) -> None:
    stanza = read_conf(addon / "default/props.conf")["source::estreamer_fqe://..."]
    hostile = b'{"EventType":"ConnectionEvent", "URL":"' + b"\x01" * (facts.MAX_LENGTH // 6 - 100) + b'"}'
    long = b"x" * facts.MAX_LENGTH * 2
    assert max(len(repair.mend(payload)[0]) for payload in (hostile, long)) < int(stanza["TRUNCATE"])


def test_events_are_json_at_search_time_only(addon: Path) -> None:
    stanzas = read_conf(addon / "default/props.conf")
    for name in ("cisco:sfw:estreamer", "source::estreamer_fqe://..."):
        assert stanzas[name]["KV_MODE"] == "json"
        assert "INDEXED_EXTRACTIONS" not in stanzas[name]


def test_the_time_that_the_input_tells_is_kept(addon: Path) -> None:
    assert read_conf(addon / "default/props.conf")["source::estreamer_fqe://..."]["DATETIME_CONFIG"] == "NONE"


def test_no_machine_and_no_setting_of_pip_is_named(addon: Path) -> None:
    home = f"{Path.home()}/".encode()
    for path in sorted(addon.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        assert f"{ROOT}/".encode() not in content, path
        if path.relative_to(addon).parts[0] != "lib" and path.name != "licenses.txt":
            for word in (home, b"index-url", b"find-links", b"trusted-host"):
                assert word not in content, (path, word)


def test_the_licence_of_every_library_is_told(addon: Path) -> None:
    notice = (addon / "NOTICE").read_text(encoding="utf-8")
    for line in (addon / "lib/requirements.txt").read_text(encoding="utf-8").splitlines():
        if "==" in line:
            assert re.search(rf"^  {re.escape(line.split('==')[0])} ", notice, re.MULTILINE), line


def metadata_files(addon: Path) -> list[Path]:
    return sorted(addon.glob("lib/*.dist-info/METADATA")) + sorted(
        addon.glob("lib/3rdparty/linux_x86_64/*.dist-info/METADATA")
    )


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_the_libraries_have_all_that_they_require(addon: Path, version: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in metadata_files(addon)]
    installed = {_normal(_header(text, "Name")[0]): _header(text, "Version")[0] for text in texts}
    environment = {"python_version": version, "python_full_version": f"{version}.1", "extra": ""}
    for text in texts:
        for line in _header(text, "Requires-Dist"):
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            # cffi parses C with pycparser; only its compiled backend ships.
            if requirement.name != "pycparser":
                assert requirement.specifier.contains(installed[_normal(requirement.name)]), (line, installed)


def _header(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}: (.+)$", text.split("\n\n")[0], re.MULTILINE)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_its_compiled_libraries_for_both_pythons(addon: Path, platform: str) -> None:
    folder = addon / "lib/3rdparty" / platform
    suffix = "pyd" if platform.startswith("windows") else "so"
    backends = sorted(path.name for path in folder.glob(f"_cffi_backend*.{suffix}"))
    assert len(backends) == 2
    assert "313" in backends[0]
    assert "39" in backends[1]
    assert len(list((folder / "cryptography/hazmat/bindings").glob(f"_rust*.{suffix}"))) == 1


IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
import import_declare_test
import ssl
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from splunklib import modularinput
from solnlib import conf_manager, log
from splunktaucclib.rest_handler import endpoint
key = ec.generate_private_key(ec.SECP256R1())
data = pkcs12.serialize_key_and_certificates(b"n", key, None, None, BestAvailableEncryption(b"p"))
assert pkcs12.load_pkcs12(data, b"p").key.key_size == 256
import cryptography, solnlib
for module in (cryptography, solnlib, modularinput, endpoint):
    assert module.__file__.startswith(sys.argv[2]), module.__file__
print(sys.version_info[:2])
"""


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_the_libraries_can_be_imported_and_used(addon: Path, version: str) -> None:
    interpreter = find_python(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on this machine")
    command = [interpreter, "-I", "-S", "-B", "-c", IMPORTS, str(addon / "bin"), str(addon)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tuple(int(part) for part in version.split(".")))


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_every_script_compiles(addon: Path, version: str) -> None:
    interpreter = find_python(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on this machine")
    compile_all = "import sys\nfor p in sys.argv[1:]: compile(open(p, encoding='utf-8').read(), p, 'exec')"
    scripts = [str(path) for path in sorted((addon / "bin").rglob("*.py"))]
    done = subprocess.run([interpreter, "-I", "-c", compile_all, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def find_python(version: str) -> str | None:
    """Return an interpreter of this version that really runs: one found by name may be an empty shell."""
    for candidate in candidates(version):
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    return None


def candidates(version: str) -> Iterator[str]:
    yield sys.executable
    found = shutil.which(f"python{version}")
    if found:
        yield found
    for path in (ROOT / ".venv" / version / "bin/python", *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")):
        if path.exists():
            yield str(path)

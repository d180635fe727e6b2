"""The scheme, the check of arguments, and the document of a run: what splunkd asks and is answered."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from xml.sax.saxutils import quoteattr

import pytest
from defusedxml import ElementTree
from estreamer import settings
from estreamer.errors import Problem
from estreamer.splunkd import documents, modular_input

from standins.places import ROOT
from standins.splunkd.documents import Surroundings, run_document, validation_document
from standins.splunkd.scheme import parse_scheme

SCRIPT = ROOT / "bin" / "estreamer_fqe.py"
SESSION_KEY = "not-a-real-session-key"
AROUND = Surroundings("host", "https://127.0.0.1:8089", SESSION_KEY, "/checkpoints")
OF_EVERY_INPUT = {"name", "index", "interval"}
SPECIFIED_FOR_SPLUNKD = {"index", "interval", "python.required"}


def stdin(document: str | bytes) -> io.BytesIO:
    return io.BytesIO(document.encode("utf-8") if isinstance(document, str) else document)


def form() -> dict[str, dict[str, object]]:
    """Return the fields of the page on which an input is made."""
    config = json.loads((ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    (service,) = config["pages"]["inputs"]["services"]
    return {field["field"]: field for field in service["entity"] if field["field"] not in OF_EVERY_INPUT}


def validate(params: dict[str, str], capsysbinary: pytest.CaptureFixture[bytes]) -> str | None:
    """Return the message that the user sees, None when the arguments are right."""
    return validate_document(validation_document(AROUND, "main", params), capsysbinary)


def validate_document(document: str | bytes, capsysbinary: pytest.CaptureFixture[bytes]) -> str | None:
    code = modular_input.main(["--validate-arguments"], stdin(document))
    answer = capsysbinary.readouterr().out
    assert SESSION_KEY.encode() not in answer
    if code == 0:
        assert answer == b""
        return None
    root = ElementTree.fromstring(answer)
    assert root.tag == "error"
    return str(root.findtext("message"))


def test_scheme_is_one_that_splunkd_takes(capsysbinary: pytest.CaptureFixture[bytes]):
    assert modular_input.main(["--scheme"], stdin("")) == 0
    scheme = parse_scheme(capsysbinary.readouterr().out)
    assert scheme.use_external_validation


def test_scheme_names_the_arguments_of_the_page_with_its_titles():
    declared = {argument.name: argument.title for argument in modular_input.ARGUMENTS}
    assert declared == {name: field["label"] for name, field in form().items()}


def test_scheme_requires_what_the_page_requires():
    arguments = parse_scheme(modular_input.scheme().encode()).arguments
    assert {argument.name for argument in arguments if argument.required_on_create} == {
        name for name, field in form().items() if field["required"]
    }
    assert not any(argument.required_on_edit for argument in arguments)


def test_scheme_takes_numbers_where_the_page_does():
    numbers = {argument.name for argument in modular_input.ARGUMENTS if argument.data_type == "number"}
    wanted = set()
    for name, field in form().items():
        validators = field.get("validators", [])
        assert isinstance(validators, list)
        if any(validator["type"] == "number" for validator in validators):
            wanted.add(name)
    assert numbers == wanted


def test_scheme_names_the_settings_of_inputs_conf_spec():
    spec = (ROOT / "README" / "inputs.conf.spec").read_text(encoding="utf-8")
    specified = set(re.findall(r"^([a-z_.]+) =", spec, re.MULTILINE))
    assert {argument.name for argument in modular_input.ARGUMENTS} == specified - SPECIFIED_FOR_SPLUNKD


def test_scheme_imports_no_library_and_nothing_that_could_reach_a_network():
    code = (
        "import sys; sys.path.insert(0, 'bin'); from estreamer.splunkd.modular_input import main"
        "; main(['--scheme'], sys.stdin.buffer)"
        "; print(sorted(sys.modules))"
    )
    # Without the packages of this environment (-S): what is imported is what the add-on itself asks for.
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = set(re.findall(r"'([^']+)'", done.stdout.splitlines()[-1]))
    assert {"estreamer.splunkd.modular_input", "estreamer.errors"} <= modules
    assert not modules & {
        "splunklib",
        "solnlib",
        "estreamer.input.loop",
        "estreamer.settings",
        "ssl",
        "socket",
        "requests",
    }


def test_scheme_is_there_at_once():
    def seconds() -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, str(SCRIPT), "--scheme"], capture_output=True, check=True)
        return time.perf_counter() - begun

    # The machine may be busy with other tests: the best of some counts, and a multiple of what is measured alone.
    assert min(seconds() for _ in range(5)) < 0.5


@pytest.mark.parametrize("arguments", [["--help"], ["--scheme", "more"], ["a\nERROR forged"]])
def test_unknown_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert modular_input.main(arguments, stdin("")) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("ERROR Unknown arguments ")
    assert len(said.err.splitlines()) == 1


def test_right_arguments_are_taken_in_silence(capsysbinary: pytest.CaptureFixture[bytes]):
    params = {"account": "fmc", "event_types": "ConnectionEvent", "index": "main", "interval": "60"}
    assert validate(params, capsysbinary) is None


def test_arguments_given_as_a_list_are_taken_together(capsysbinary: pytest.CaptureFixture[bytes]):
    document = validation_document(AROUND, "main", {"account": "fmc"})
    values = "<value>ConnectionEvent</value><value/><value>{}</value>"
    param = f'<param_list name="event_types">{values}</param_list></item>'
    assert validate_document(document.replace("</item>", param.format("FileEvent")), capsysbinary) is None
    refused = validate_document(document.replace("</item>", param.format("Nothing")), capsysbinary)
    assert "'Nothing'" in str(refused)


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({}, "account"),
        ({"account": "fmc", "failover_account": "fmc"}, "failover_account"),
        ({"account": "fmc", "start_from": "yesterday"}, "start_from"),
        ({"account": "fmc", "drop_rules": "ConnectionEvent"}, "drop"),
        ({"account": "fmc", "settle": "-1"}, "settle"),
        ({"account": "fmc", "start_from": "<b>&amp;</b> ]]> \u20ac"}, "<b>&amp;</b> ]]> \u20ac"),
    ],
)
def test_wrong_arguments_are_refused_with_what_is_wrong(
    params: dict[str, str], part: str, capsysbinary: pytest.CaptureFixture[bytes]
):
    assert part in str(validate(params, capsysbinary))


def test_a_message_never_holds_what_xml_forbids(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
):
    def refuse(name: str, parameters: object) -> None:
        raise Problem("bad", "a\0b\x1bc\ud800d\uffffe")

    monkeypatch.setattr(settings, "parse_input", refuse)
    assert validate({"account": "fmc"}, capsysbinary) == "a\\x00b\\x1bc\\ud800d\\uffffe"


BOMB = '<!DOCTYPE items [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
HOSTILE: dict[str, str | bytes] = {
    "empty": b"",
    "not XML": b"account=fmc",
    "cut": validation_document(AROUND, "main", {"account": "fmc"})[:-20],
    "document type": BOMB + "<items><item name='main'/></items>",
    "external entity": '<!DOCTYPE items [<!ENTITY x SYSTEM "file:///etc/hostname">]><items>&x;</items>',
    "not UTF-8": b"<items><item name='\xff'/></items>",
    "UTF-16": (BOMB + "<items><item name='main'/></items>").encode("utf-16"),
    "too large": "<items>" + " " * documents.LARGEST_DOCUMENT + "</items>",
    "no item": "<items><session_key>k</session_key></items>",
    "item without a name": "<items><item><param name='account'>fmc</param></item></items>",
    "unknown element": "<items><item name='main'><parameter name='account'>fmc</parameter></item></items>",
    "encoding that is not": b"<?xml version='1.0' encoding='utf-16'?><items/>",
    "nested without end": "<items>" + "<a>" * 50_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_documents_that_splunkd_never_writes_are_refused(kind: str, capsysbinary: pytest.CaptureFixture[bytes]):
    assert "This script is to be started by Splunk" in str(validate_document(HOSTILE[kind], capsysbinary))


def test_no_more_is_read_of_a_document_than_is_allowed():
    endless = io.BytesIO(b" " * (documents.LARGEST_DOCUMENT * 2))
    with pytest.raises(Problem) as caught:
        documents.read_document(endless)
    assert caught.value.code == "stdin_invalid"
    assert endless.tell() == documents.LARGEST_DOCUMENT + 1


def test_a_fault_of_the_check_itself_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
):
    def fail(name: str, parameters: object) -> None:
        raise KeyError("boom")

    monkeypatch.setattr(settings, "parse_input", fail)
    document = stdin(validation_document(AROUND, "main", {"account": "fmc"}))
    assert modular_input.main(["--validate-arguments"], document) == 1
    said = capfdbinary.readouterr()
    message = ElementTree.fromstring(said.out).findtext("message")
    assert message == "The arguments cannot be checked: KeyError."
    (line,) = said.err.splitlines()
    assert line.startswith(b"ERROR Unexpected KeyError in --validate-arguments: Traceback")


def test_a_task_is_what_the_document_says():
    params = {"account": "fmc", "index": "main", "drop_rules": "a <&> \u20ac"}
    task = documents.read_task(stdin(run_document(AROUND, "estreamer_fqe://my input", "the_app", params)))
    assert task.stanza == "estreamer_fqe://my input"
    assert task.name == "my input"
    assert {name: task.parameters[name] for name in params} == params
    assert (task.server_uri, task.session_key, task.checkpoint_dir) == (AROUND.server_uri, SESSION_KEY, "/checkpoints")
    assert SESSION_KEY not in f"{task!r} {task}"


def test_a_task_has_exactly_one_stanza():
    one = run_document(AROUND, "estreamer_fqe://one", "app", {})
    two = one.replace("</configuration>", '<stanza name="estreamer_fqe://two" app="app"/></configuration>')
    none = re.sub("<stanza.*</stanza>|<stanza[^>]*/>", "", one)
    for document, count in ((two, 2), (none, 0)):
        with pytest.raises(Problem, match=f"{count} stanzas instead of one"):
            documents.read_task(stdin(document))


@pytest.mark.parametrize(
    "stanza", ["other://one", "estreamer_fqe", "estreamer_fqe://", "estreamer_fqe://a\tb", "://one"]
)
def test_a_stanza_of_another_kind_is_refused(stanza: str):
    document = run_document(AROUND, "STANZA", "app", {}).replace('"STANZA"', quoteattr(stanza))
    with pytest.raises(Problem, match="its stanza is not estreamer_fqe://<name>"):
        documents.read_task(stdin(document))


@pytest.mark.parametrize("missing", ["server_uri", "session_key", "checkpoint_dir"])
def test_a_task_needs_all_that_splunkd_tells_of_itself(missing: str):
    document = run_document(AROUND, "estreamer_fqe://one", "app", {})
    with pytest.raises(Problem, match=f"it has no {missing}"):
        documents.read_task(stdin(re.sub(f"<{missing}>.*</{missing}>", "", document)))

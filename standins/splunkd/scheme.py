"""What a modular input says of itself (`--scheme`) and of its arguments (`--validate-arguments`)."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

from .documents import Surroundings, validation_document

COMMON = ("disabled", "host", "index", "interval", "source", "sourcetype")
OF_THE_SCRIPT = ("python.version", "python.required", "start_by_shell")
ARGUMENT_PARTS = ("title", "description", "validation", "data_type", "required_on_create", "required_on_edit")
DATA_TYPES = ("string", "number", "boolean")
TIMEOUT = 30.0


class SchemeError(Exception):
    """The scheme would not be accepted, or disagrees with README/inputs.conf.spec."""


class Refused(Exception):
    """The script refuses the arguments; the text is the one that the user would see."""


@dataclass(frozen=True)
class Argument:
    """One argument that the scheme declares."""

    name: str
    required_on_create: bool
    required_on_edit: bool


@dataclass(frozen=True)
class Scheme:
    """A parsed scheme."""

    title: str
    use_external_validation: bool
    arguments: tuple[Argument, ...]


def ask_scheme(command: Sequence[str], environment: Mapping[str, str]) -> Scheme:
    """Run the script with `--scheme` as splunkd does at each start. Raises SchemeError."""
    done = _run([*command, "--scheme"], environment, "")
    if done.returncode != 0:
        raise SchemeError(f"--scheme ended with {done.returncode}: {_text(done.stderr)}")
    return parse_scheme(done.stdout)


def parse_scheme(document: bytes) -> Scheme:
    """Read a scheme strictly. Raises SchemeError."""
    try:
        root = ElementTree.fromstring(document)
    except (ParseError, ValueError) as error:
        raise SchemeError(f"--scheme did not print one XML document: {error}") from None
    texts = {child.tag: (child.text or "").strip() for child in root}
    if root.tag != "scheme" or len(texts) != len(root):
        raise SchemeError("not one <scheme> with each element once")
    known = {"title", "description", "use_external_validation", "use_single_instance", "streaming_mode", "endpoint"}
    if set(texts) - known:
        raise SchemeError(f"unknown elements {sorted(set(texts) - known)}")
    if not texts.get("title"):
        raise SchemeError("a scheme without <title>")
    if texts.get("streaming_mode") != "xml":
        raise SchemeError(f"streaming_mode is {texts.get('streaming_mode')!r}, not 'xml'")
    if texts.get("use_single_instance") != "false":
        raise SchemeError(f"use_single_instance is {texts.get('use_single_instance')!r}, not 'false'")
    arguments = tuple(_argument(element) for element in root.findall("endpoint/args/*"))
    if len({argument.name for argument in arguments}) != len(arguments):
        raise SchemeError("an argument is listed twice")
    return Scheme(texts["title"], _flag(texts, "use_external_validation"), arguments)


def check_against_spec(name: str, scheme: Scheme, spec: Mapping[str, set[str]] | None) -> None:
    """Raise SchemeError unless scheme and README/inputs.conf.spec name the same arguments."""
    headers = [header for header in spec or {} if header.partition("://")[0] == name and "://" in header]
    if len(headers) != 1:
        raise SchemeError(f"README/inputs.conf.spec has {len(headers)} stanzas [{name}://...], not one")
    general = {"name", *COMMON, *OF_THE_SCRIPT}
    declared = {argument.name for argument in scheme.arguments} - general
    specified = (spec or {})[headers[0]] - general
    if declared != specified:
        raise SchemeError(
            f"only in the scheme: {sorted(declared - specified)}; "
            f"only in inputs.conf.spec: {sorted(specified - declared)}"
        )


def validate_arguments(
    command: Sequence[str],
    environment: Mapping[str, str],
    around: Surroundings,
    name: str,
    params: Mapping[str, str],
) -> None:
    """Run the script with `--validate-arguments`. Raises Refused with the text that the user sees."""
    scheme = around.checkpoint_dir.rpartition("/")[2]
    document = validation_document(around, name, params)
    done = _run([*command, "--validate-arguments"], environment, document)
    if done.returncode == 0:
        if done.stdout.strip():
            raise Refused(f"Argument validation for scheme={scheme}: output in spite of success: {_text(done.stdout)}")
        return
    try:
        root = ElementTree.fromstring(done.stdout)
    except (ParseError, ValueError):
        root = None
    message = root.findtext("message") if root is not None and root.tag == "error" else None
    if not message:
        text = _text(done.stderr) or _text(done.stdout)
        raise Refused(f"Argument validation for scheme={scheme}: script running failed ({done.returncode}): {text}")
    raise Refused(message)


def _argument(element: Element) -> Argument:
    name = element.get("name")
    texts = {child.tag: (child.text or "").strip() for child in element}
    if element.tag != "arg" or not name or set(element.attrib) != {"name"}:
        raise SchemeError(f"<{element.tag}> {element.attrib} is not an argument with a name")
    if set(texts) - set(ARGUMENT_PARTS):
        raise SchemeError(f"argument {name}: unknown elements {sorted(set(texts) - set(ARGUMENT_PARTS))}")
    if texts.get("data_type", "string").lower() not in DATA_TYPES:
        raise SchemeError(f"argument {name}: data_type {texts['data_type']!r}")
    return Argument(name, _flag(texts, "required_on_create"), _flag(texts, "required_on_edit"))


def _flag(texts: Mapping[str, str], name: str) -> bool:
    text = texts.get(name, "false")
    if text not in ("true", "false", "1", "0"):
        raise SchemeError(f"{name} is {text!r}, neither true nor false")
    return text in ("true", "1")


def _run(command: Sequence[str], environment: Mapping[str, str], stdin: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        list(command),
        input=stdin.encode("utf-8"),
        capture_output=True,
        cwd="/",
        env=dict(environment),
        timeout=TIMEOUT,
        check=False,
        start_new_session=True,
    )


def _text(output: bytes) -> str:
    return output.decode("utf-8", "backslashreplace").strip()[-2000:]

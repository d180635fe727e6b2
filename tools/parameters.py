"""Write the files that follow from the parameters in bin/estreamer/parameters.py: tools/python.sh tools/parameters.py.

These are the forms in globalConfig.json, default/inputs.conf, the specs in README/, the input's scheme, a module of the
pages' scripts, and the tables of docs/input.md. With --check it writes nothing: it shows the differences, and the
status is 1 if there are any. tests/settings/test_parameters.py checks all files against the parameters.
"""

from __future__ import annotations

import difflib
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from environment import ROOT

sys.path.insert(0, str(ROOT / "bin"))

from estreamer import parameters
from estreamer.parameters import Choice, Index, Line, Lines, Parameter, Reference, Switch, Upload, Whole

SPEC_WIDTH = 100
SCRIPT_WIDTH = 90
"""Most characters of a list on one line: the rest of the 120 is for its name."""

REQUIRED, OPTIONAL = "Required.", "Optional. Default: {}."


@dataclass(frozen=True)
class Tables:
    """The parameters that all files are written from."""

    account: tuple[Parameter, ...] = parameters.ACCOUNT
    input: tuple[Parameter, ...] = parameters.INPUT


Writer = Callable[[Tables, str], str]


def forms(tables: Tables, present: str) -> str:
    """Return globalConfig.json with the fields of both forms, the groups of the input's form, and the lines of opened
    rows."""
    config = json.loads(present)
    for tab in config["pages"]["configuration"]["tabs"]:
        if tab["name"] == "account":
            tab["entity"] = [entity(one) for one in tables.account if one.page]
            list_all(tab["table"]["moreInfo"], tables.account)
    list_all(config["pages"]["inputs"]["table"]["moreInfo"], tables.input)
    for service in config["pages"]["inputs"]["services"]:
        shown = [one for one in tables.input if one.page]
        service["entity"] = [entity(one) for one in shown]
        service["groups"] = [
            {
                "label": group.label,
                "fields": [one.name for one in shown if one.page and one.page.group == group.label],
                "options": {"isExpandable": True, "expand": group.is_open},
            }
            for group in parameters.GROUPS
        ]
    # As the generator writes it, which rewrites the file at each build.
    return json.dumps(config, indent=4, ensure_ascii=False) + "\n"


def list_all(rows: list[dict[str, Any]], table: Iterable[Parameter]) -> None:
    """Add to an opened row of a table each parameter that is missing, after its predecessor. Labels of other lines
    stay."""
    place = 0
    for one in (one for one in table if _is_kept(one)):
        listed = [row["field"] for row in rows]
        if one.name in listed:
            place = listed.index(one.name) + 1
        else:
            rows.insert(place, {"field": one.name, "label": one.label})
            place += 1


def _is_kept(one: Parameter) -> bool:
    """Return whether the conf file has the value of a parameter in clear text."""
    return one.stored and not one.secret


def entity(one: Parameter) -> dict[str, Any]:
    """Return the field of a form in the format of the generator."""
    page = one.page or parameters.Page()
    kind = page.control if page.control == "interval" else "custom" if page.control else _control(one)
    found: dict[str, Any] = {"type": kind, "field": one.name, "label": one.label, "required": one.required}
    if one.secret:
        found["encrypted"] = True
    if one.default and kind != "custom":
        found["defaultValue"] = _default(one, kind)
    found["help"] = one.help
    validators = list(_validators(one, page)) if kind == "text" else []
    if validators:
        found["validators"] = validators
    options = _options(one, page, kind)
    if options:
        found["options"] = options
    return found


def _control(one: Parameter) -> str:
    """Return the generator's control for a type. Raises ValueError for a type without one."""
    if isinstance(one.type, (Choice, Reference)):
        return "singleSelect"
    if isinstance(one.type, Switch):
        return "checkbox"
    if isinstance(one.type, Index):
        return "index"
    if isinstance(one.type, (Line, Whole)):
        return "text"
    raise ValueError(f"{one.name}: the form needs a control of its own for {type(one.type).__name__}.")


def _default(one: Parameter, kind: str) -> object:
    if isinstance(one.type, Switch):
        return one.default == "1"
    return int(one.default) if kind == "interval" else one.default


def _validators(one: Parameter, page: parameters.Page) -> Iterator[dict[str, Any]]:
    if page.pattern:
        yield {"type": "regex", "pattern": page.pattern, "errorMsg": page.wrong_pattern}
    if page.wrong_limits and isinstance(one.type, Whole):
        text = page.wrong_limits.format(lowest=one.type.lowest, highest=one.type.highest)
        yield {"type": "number", "range": [one.type.lowest, one.type.highest], "isInteger": True, "errorMsg": text}
    if page.wrong_limits and isinstance(one.type, Line):
        text = page.wrong_limits.format(longest=one.type.longest)
        yield {"type": "string", "minLength": int(one.required), "maxLength": one.type.longest, "errorMsg": text}


def _options(one: Parameter, page: parameters.Page, kind: str) -> dict[str, Any]:
    if kind == "custom":
        return {"type": "external", "src": page.control}
    if isinstance(one.type, Reference):
        return {"referenceName": "account"}
    if isinstance(one.type, Choice):
        choices = [{"value": value, "label": label} for value, label in one.type.labels.items()]
        return {"disableSearch": True, "autoCompleteFields": choices}
    if kind == "interval" and isinstance(one.type, Whole):
        return {"range": [one.type.lowest, one.type.highest]}
    return {}


def inputs_conf(tables: Tables, present: str) -> str:
    """Return default/inputs.conf: the settings for running the input, and the defaults."""
    head = "".join(line for line in present.splitlines(True) if line.startswith(("[", "python.", "start_by_shell")))
    return head + "".join(f"{one.name} = {one.default}\n" for one in tables.input if one.default)


INPUT_SPEC = (
    "Receives fully-qualified events from the eStreamer service of a Secure Firewall Management Center.",
    "<name> is the name of the input: a letter, followed by letters, digits, underscores and hyphens.",
)
PYTHON_SPEC = ("The versions of Python that may run the input.", "Default: 3.9, 3.13")
ACCOUNT_SPEC = ("A Secure Firewall Management Center whose eStreamer service inputs can receive events from.",)


def inputs_spec(tables: Tables, present: str) -> str:
    """Return README/inputs.conf.spec."""
    parts = [_spec("[estreamer_fqe://<name>]", INPUT_SPEC), *_specs(tables.input)]
    return "\n".join([*parts, _spec("python.required = {3.9|3.13}", PYTHON_SPEC)])


def account_spec(tables: Tables, present: str) -> str:
    """Return the spec of the conf file of accounts."""
    values = [_spec(f"{name} = <string>", (text,)) for name, text in parameters.CERTIFICATE_VALUES.items()]
    return "\n".join([_spec("[<name>]", ACCOUNT_SPEC), *_specs(tables.account), *values])


def _specs(table: Iterable[Parameter]) -> Iterator[str]:
    for one in table:
        if one.spec and one.stored:
            last = REQUIRED if one.required else f"Default: {one.default}" if one.default else ""
            yield _spec(f"{one.name} = {_form(one)}", (*one.spec, last or OPTIONAL.format(one.nothing)))


def _spec(head: str, texts: Iterable[str]) -> str:
    wrap = textwrap.TextWrapper(
        SPEC_WIDTH, initial_indent="* ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )
    return "\n".join([head, *(line for text in texts for line in wrap.wrap(text))]) + "\n"


def _form(one: Parameter) -> str:
    if isinstance(one.type, Whole):
        return "<positive integer>" if one.type.lowest > 0 else "<non-negative integer>"
    if isinstance(one.type, Choice):
        return "|".join(one.type.labels)
    if isinstance(one.type, Switch):
        return "<boolean>"
    return one.type.form if isinstance(one.type, (Line, Lines)) else "<string>"


SCHEME = """<scheme>
<title>Cisco Secure Firewall eStreamer</title>
<description>Fully-qualified events from a Secure Firewall Management Center.</description>
<use_external_validation>true</use_external_validation>
<use_single_instance>false</use_single_instance>
<streaming_mode>xml</streaming_mode>
<endpoint><args>
{}</args></endpoint>
</scheme>
"""


def scheme(tables: Tables, present: str) -> str:
    """Return the scheme that the input gives to splunkd: its arguments in addition to those of every input."""
    return SCHEME.format("".join(_argument(one) for one in tables.input if one.scheme))


def _argument(one: Parameter) -> str:
    kind = "number" if isinstance(one.type, Whole) else "string"
    return (
        f'<arg name="{one.name}"><title>{escape(one.label)}</title><description>{escape(one.scheme)}</description>'
        f"<data_type>{kind}</data_type><required_on_create>{str(one.required).lower()}</required_on_create>"
        "<required_on_edit>false</required_on_edit></arg>\n"
    )


SCRIPT_HEAD = """// @ts-check
/**
 * What the other scripts know of parameters. tools/parameters.py writes it from bin/estreamer/parameters.py.
 */

"""


def script(tables: Tables, present: str) -> str:
    """Return the module of the pages' scripts."""
    known_elsewhere = (Reference, Index)
    checked = [one for one in tables.input if one.page and not one.fixed and not isinstance(one.type, known_elsewhere)]
    choices = {one.name: one.type.labels for one in tables.input if isinstance(one.type, Choice)}
    own = [one for one in tables.input if one.default and one.page and one.page.control not in ("", "interval")]
    largest = {one.name: one.type.largest for one in tables.account if isinstance(one.type, Upload)}
    parts = (
        (
            "The parameter that chooses the fields of each event type.",
            "FIELDS",
            parameters.field_parameters(tables.input),
        ),
        ("What the endpoint `preview` checks before a save.", "CHECKED", [one.name for one in checked]),
        ("The words of each choice, with what the form calls them.", "CHOICES", choices),
        (
            "The defaults of parameters that have a control of their own.",
            "DEFAULTS",
            {one.name: one.default for one in own},
        ),
        (
            "What is stored of an account, but for secrets.",
            "KEPT",
            [one.name for one in tables.account if _is_kept(one)],
        ),
        ("Bytes of a file.", "LARGEST", largest),
    )
    return SCRIPT_HEAD + "\n".join(_export(*part) for part in parts)


def _export(told: str, name: str, value: object) -> str:
    """Return the definition of a constant. The type of a mapping of texts allows any name as a key."""
    by_name = isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())
    doc = f"/**\n * {told}\n *\n * @type {{Record<string, string>}}\n */" if by_name else f"/** {told} */"
    return f"{doc}\nexport const {name} = {_js(value)};\n"


def _js(value: object, indent: str = "") -> str:
    """Return a value in the style of the scripts."""
    inner = indent + "    "
    if isinstance(value, Mapping):
        rows = [f"{inner}{_key(key)}: {_js(one, inner)},\n" for key, one in value.items()]
        return "{\n" + "".join(rows) + indent + "}"
    if isinstance(value, list):
        line = f"[{', '.join(_js(one) for one in value)}]"
        if len(line) <= SCRIPT_WIDTH:
            return line
        return "[\n" + "".join(f"{inner}{_js(one, inner)},\n" for one in value) + indent + "]"
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _key(name: str) -> str:
    return name if name.isidentifier() else _quoted(name)


def _quoted(text: str) -> str:
    escaped = json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{escaped}'"


BEGIN, END = "<!-- {}: tools/parameters.py -->\n", "<!-- end of {} -->\n"


def page(tables: Tables, present: str) -> str:
    """Return docs/input.md with its two tables. Raises ValueError if it has no place for one of them."""
    for name, table in (("account", tables.account), ("input", tables.input)):
        before, begin, rest = present.partition(BEGIN.format(name))
        _, end, after = rest.partition(END.format(name))
        if not begin or not end:
            raise ValueError(f"docs/input.md has no place for the parameters of the {name}.")
        rows = "".join(_row(one) for one in table)
        head = "| parameter | default | limits | meaning |\n|---|---|---|---|\n"
        present = f"{before}{begin}\n{head}{rows}\n{end}{after}"
    return present


def _row(one: Parameter) -> str:
    default = "required" if one.required else one.default or one.nothing
    cells = (f"`{one.name}`", default, _limits(one), _sentence(one))
    return "|".join(["", *(f" {cell} " if cell else " " for cell in cells), "\n"])


def _limits(one: Parameter) -> str:
    kind = one.type
    if isinstance(kind, Whole):
        return f"{kind.lowest} to {kind.highest}"
    if isinstance(kind, Choice):
        return ", ".join(f"`{value}`" for value in kind.labels)
    if isinstance(kind, Switch):
        return "0 or 1"
    if isinstance(kind, Upload):
        return f"at most {kind.largest >> 10} KB"
    if isinstance(kind, (Line, Lines)) and (kind.longest != parameters.USUAL_LENGTH or _is_checked(one)):
        return f"at most {kind.longest:,} characters"
    return ""


def _is_checked(one: Parameter) -> bool:
    """Return whether the form has a message for a value that is too long."""
    return bool(one.page and one.page.wrong_limits)


def _sentence(one: Parameter) -> str:
    more = {"Not stored": not one.stored, "Cannot be changed": one.fixed}
    return ". ".join([one.docs, *(text for text, holds in more.items() if holds)])


ACCOUNT_CONF = "README/ta_secure_firewall_estreamer_account.conf.spec"
WRITERS: Mapping[str, Writer] = {
    "globalConfig.json": forms,
    "default/inputs.conf": inputs_conf,
    "README/inputs.conf.spec": inputs_spec,
    "bin/estreamer/splunkd/scheme.xml": scheme,
    ACCOUNT_CONF: account_spec,
    "appserver/static/js/build/custom/parameters.js": script,
    "docs/input.md": page,
}
"""The function that writes each file, from the parameters and the present text of the file."""


def written(tables: Tables, root: Path = ROOT) -> dict[str, str]:
    """Return the text of each file that follows from the parameters, by its path."""
    return {path: writer(tables, _text(root / path)) for path, writer in WRITERS.items()}


def differences(tables: Tables, root: Path = ROOT) -> list[str]:
    """Return the lines in which the files of a folder differ from the written ones, each with its file."""
    found = []
    for path, wanted in written(tables, root).items():
        lines = difflib.ndiff(_text(root / path).splitlines(), wanted.splitlines())
        words = {"+ ": "is missing", "- ": "is not in the table"}
        found += [f"{path}: {words[line[:2]]}: {line[2:].strip()}" for line in lines if line[:2] in words]
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def main(arguments: list[str]) -> int:
    """Write the files, or show the differences."""
    if arguments == ["--check"]:
        found = differences(Tables())
        sys.stdout.write("".join(f"{line}\n" for line in found))
        return int(bool(found))
    for path, text in written(Tables()).items():
        (ROOT / path).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

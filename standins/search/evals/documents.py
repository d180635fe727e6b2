"""JSON functions, and the paths into JSON that these functions and spath use.

Sources: "JSON functions", "Text functions" (spath) and the page of the spath command in the Search Reference.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from .nodes import ANY, BOOLEAN, STRING, Function
from .values import EvalError, Numeral, multivalue, text, texts, typed, untyped

_STEP = re.compile(r"\.?([^.{}]+)|\{(\d*)\}")
NOTHING = object()
SPATH_LIMIT = 5000
"""How many bytes of a text spath looks at: limits.conf, [spath], extraction_cutoff."""


def load(source: Any) -> Any:
    """Read JSON; return `NOTHING` if the text is not JSON."""
    try:
        return json.loads(source) if isinstance(source, str) else source
    except ValueError:
        return NOTHING


def dump(document: Any) -> str:
    """Write JSON without white space."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


@functools.lru_cache(maxsize=1024)
def path(source: str) -> tuple[Any, ...]:
    """Read a path such as `a.b{0}.c{}`: names, positions (from 0), and None for all of a list. Raises EvalError."""
    steps, done = [], 0
    while done < len(source):
        found = _STEP.match(source, done)
        if not found:
            raise EvalError(f"{source!r} is not a path into JSON")
        name, position = found.groups()
        steps.append(name if name is not None else int(position) if position else None)
        done = found.end()
    return tuple(steps)


def select(document: Any, steps: tuple[Any, ...]) -> list[Any]:
    """Return all values that a path leads to."""
    found = [document]
    for step in steps:
        found = [inner for one in found for inner in _step(one, step)]
    return found


def _step(document: Any, step: Any) -> list[Any]:
    if isinstance(step, str):
        return [document[step]] if isinstance(document, dict) and step in document else []
    if not isinstance(document, list):
        return []
    if step is None:
        return document
    return document[step : step + 1]


def as_value(document: Any) -> Any:
    """Return the value of a field that was extracted from JSON: text, or JSON for an object or a list."""
    if document is None:
        return None
    if isinstance(document, bool):
        return "true" if document else "false"
    return document if isinstance(document, (str, int, float)) else dump(document)


def extract(source: Any, wanted: str) -> Any:
    """Return the value, or the multivalue, at a path of a JSON text; null without one."""
    document = load(text(source)) if source is not None else NOTHING
    if document is NOTHING:
        return None
    found = [as_value(one) for one in select(document, path(wanted))]
    return multivalue(text(one) for one in found if one is not None)


def _spath(source: Any, wanted: Any) -> Any:
    if text(source).lstrip().startswith("<"):
        raise EvalError("spath() of XML is not supported")
    if len(text(source).encode("utf-8", "replace")) > SPATH_LIMIT:
        raise EvalError(f"spath() reads the first {SPATH_LIMIT} bytes of a text only: json_extract() reads all of it")
    return typed(extract(source, text(wanted)))


def _json_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        document = load(value)
        return value if document is NOTHING else document
    if isinstance(value, Numeral):
        return json.loads(value.text) if load(value.text) is not NOTHING else value.text
    return untyped(value)


def _object(*arguments: Any) -> str:
    if len(arguments) % 2:
        raise EvalError(f"json_object() takes pairs of a key and a value, not {len(arguments)} arguments")
    return dump({text(key): _json_value(value) for key, value in zip(arguments[::2], arguments[1::2])})


def _array(*values: Any) -> str:
    return dump([_json_value(value) for value in values])


def _extract_one(document: Any, wanted: Any) -> Any:
    steps = path(text(wanted))
    found = select(document, steps)
    if None in steps:
        return found or None
    return found[0] if found else None


def _extract(source: Any, *paths: Any) -> Any:
    if source is None or (document := load(text(source))) is NOTHING:
        return None
    found = [_extract_one(document, one) for one in paths] or [document]
    result = found[0] if len(found) == 1 else found
    return result if isinstance(result, str) else as_value(result)


def _keys(source: Any) -> Any:
    document = load(text(source))
    return dump(list(document)) if isinstance(document, dict) else None


def _put(document: Any, steps: tuple[Any, ...], value: Any) -> Any:
    if not steps:
        return value
    step, *rest = steps
    if isinstance(step, str) and isinstance(document, dict):
        return {**document, step: _put(document.get(step, {}), tuple(rest), value)}
    if isinstance(step, int) and isinstance(document, list) and step < len(document):
        return [_put(one, tuple(rest), value) if index == step else one for index, one in enumerate(document)]
    raise EvalError("json_set() at a path that the document does not have is not supported")


def _set(source: Any, *arguments: Any) -> Any:
    if len(arguments) % 2:
        raise EvalError("json_set() takes a document and pairs of a path and a value")
    document = load(text(source))
    if document is NOTHING:
        return None
    for wanted, value in zip(arguments[::2], arguments[1::2]):
        document = _put(document, path(text(wanted)), _json_value(value))
    return dump(document)


def _valid(source: Any) -> bool:
    return load(text(source)) is not NOTHING


def _array_to_multivalue(source: Any) -> Any:
    document = load(text(source))
    if not isinstance(document, list):
        return None
    return typed(multivalue(text(as_value(one)) for one in document if one is not None))


def _multivalue_to_array(source: Any, infer_types: Any = False) -> str:
    if not infer_types:
        return dump(list(texts(source)))
    found = [load(one) for one in texts(source)]
    return dump([None if isinstance(one, (dict, list)) or one is NOTHING else one for one in found])


FUNCTIONS = {
    "json_object": Function(0, None, STRING, _object, nulls=True, booleans=True),
    "json_array": Function(0, None, STRING, _array, nulls=True, booleans=True),
    "json_extract": Function(1, None, ANY, _extract, nulls=True),
    "json_keys": Function(1, 1, STRING, _keys),
    "json_set": Function(3, None, STRING, _set, booleans=True),
    "json_valid": Function(1, 1, BOOLEAN, _valid),
    "json_array_to_mv": Function(1, 1, ANY, _array_to_multivalue),
    "mv_to_json_array": Function(1, 2, STRING, _multivalue_to_array, booleans=True),
    "spath": Function(2, 2, ANY, _spath),
}

"""Every search runs or is refused with an SplError: no other exception leaves the evaluator."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from standins.search.evals import FUNCTION_NAMES, EvalError, parse

from . import COMMAND_NAMES
from .cim import MODELS
from .data import Knowledge, Lookup, Row
from .errors import SplError
from .samples import NOW, event, result

ROW: Row = {"a": "7", "m": ("1", "x"), "q r": "hello", "j": '{"a":[1,{"b":null}]}', "big": "1e400"}
ATOMS = ("a", "m", "'q r'", "j", "big", '"x"', '"5"', "0", "-1", "2.5", '"%d %s"', '"-1d@d"', '"%F"', '"("', "null()")
VALUES = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds(
            lambda name, arguments: f"{name}({', '.join(arguments)})",
            st.sampled_from(sorted(FUNCTION_NAMES - {"mvrange"})),
            st.lists(inner, max_size=3),
        ),
        st.builds(lambda one, sign, other: f"{one} {sign} {other}", inner, st.sampled_from("+-*/%.=<"), inner),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_expression_is_evaluated_or_refused(expression: str) -> None:
    with contextlib.suppress(EvalError):
        parse(expression).evaluate(ROW, NOW)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab\"'()[]|,=<>!.\\ %`", max_size=15))
def test_text_is_an_expression_or_refused(text: str) -> None:
    with contextlib.suppress(EvalError):
        parse(text).evaluate(ROW, NOW)


DATA = Knowledge(
    [event(0, **ROW), event(100, a="x", b="2"), {"_time": NOW, "_raw": "z"}],
    lookups={"k": Lookup(("a", "b"), [{"a": "7", "b": "z"}])},
    models=MODELS,
)
WORDS = (
    *("a", "b", "m", "1", "0", "by", "as", "over", "where", "count", "sum(a)", "values(m)", "max(_time)", "-a", "a*"),
    *(
        "*",
        '"x y"',
        "(",
        ")",
        "=",
        ",",
        "[search *]",
        "[| makeresults]",
        "[stats count]",
        "OUTPUT",
        "span=5m",
        "span=0",
    ),
    *("limit=2", "field=a", '"(?<z>.)"', "from", "datamodel=Malware", "in", "with", "eval(a=1)", "a=1", "x=a+1", "k"),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(COMMAND_NAMES)), st.lists(st.sampled_from(WORDS), max_size=5)),
        min_size=1,
        max_size=3,
    )
)
def test_search_runs_or_is_refused(steps: list[tuple[str, list[str]]]) -> None:
    search = "* | " + " | ".join(" ".join([name, *words]) for name, words in steps)
    with contextlib.suppress(SplError):
        result(search, DATA)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab1*\"'()[]|,=<>!\\ `ORNT", max_size=20))
def test_text_is_a_search_or_refused(text: str) -> None:
    with contextlib.suppress(SplError):
        result(text, DATA)

"""EVAL- settings, after props.conf.spec: a field and the expression that gives its value."""

from __future__ import annotations

from dataclasses import dataclass

from standins.search.conf import Line, Setting
from standins.search.errors import KnowledgeError
from standins.search.evals import EvalError, Expression, parse_value
from standins.search.evals.values import texts
from standins.search.rows import Row


@dataclass(frozen=True)
class Calculation:
    """An EVAL- setting. Null removes the field."""

    line: Line
    field: str
    expression: Expression

    def values(self, row: Row, now: float) -> tuple[str, ...]:
        """Return the values of the expression, an empty tuple for null. Raises KnowledgeError if it cannot be
        computed."""
        try:
            found = texts(self.expression.evaluate(row.fields, now))
        except EvalError as problem:
            raise KnowledgeError(f"{self.line}: {problem}") from None
        if found:
            row.used.add(self.line)
        return found


def calculation(setting: Setting, field: str) -> Calculation:
    """Read an EVAL- setting. Raises KnowledgeError."""
    try:
        return Calculation(setting.line, field, parse_value(setting.value))
    except EvalError as problem:
        raise KnowledgeError(f"{setting.line}: {problem}") from None

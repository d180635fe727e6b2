"""Commands that read data models, and tstats. Sources: "tstats", "datamodel" and "from" of the Search Reference.

A data model is computed from the events. With `summariesonly` only the events in the summaries of an accelerated model
count: none if it is not accelerated. Without it the other events are read from the index.
"""

from __future__ import annotations

from typing import Any

from standins.search.evals import parse_value
from standins.search.evals.values import multivalue, number

from .aggregates import Aggregate, parse_aggregates
from .arguments import Arguments, Options, boolean
from .combining import found_lookup
from .data import DataModel, Row
from .evaluation import binning
from .filtering import in_range
from .predicates import Predicate, Search
from .reading import Part
from .reporting import summarize
from .subsearches import NOTHING, as_search
from .table import Action, Context, Table, generating
from .tokens import WORD, Token, tokenize

_INHERITED = ("_time", "host", "source", "sourcetype")
_INDEXED = (*_INHERITED, "index")
_TSTATS_OPTIONS: Options = {
    "prestats": boolean,
    "local": boolean,
    "append": boolean,
    "summariesonly": boolean,
    "allow_old_summaries": boolean,
    "include_reduced_buckets": boolean,
    "chunk_size": int,
    "fillnull_value": str,
}


class Model:
    """A data model over the events of a search."""

    def __init__(self, context: Context, arguments: Arguments, name: str, dataset: str | None) -> None:
        model = context.data.data_model(name)
        if model is None:
            raise arguments.fail(f"unknown data model {name}")
        roots = [name for name, one in model.datasets.items() if one.parent is None]
        self.dataset = dataset or roots[0]
        if self.dataset not in model.datasets:
            raise arguments.fail(f"the data model {name} has no dataset {self.dataset}")
        self._context = context
        self._name = name
        self._model: DataModel = model
        self._lineage = model.lineage(self.dataset)

    @property
    def root(self) -> str:
        """The name of the root dataset, which is the prefix of the fields."""
        return self._lineage[0]

    def fields(self) -> list[str]:
        """Return the names of all fields of the dataset, without the root's name."""
        found: dict[str, None] = {}
        for name in self._lineage:
            dataset = self._model.datasets[name]
            found.update(dict.fromkeys(dataset.fields))
            found.update(dict.fromkeys(field for field, _ in dataset.calculated))
        return list(found)

    def rows(self, events: list[Row], summaries_only: bool = False) -> list[Row]:
        """Return the events of the dataset with its calculated fields."""
        events = self._summarized(events) if summaries_only else events
        found = self._derived(events)
        if not summaries_only:
            held = {id(row) for row in self._summarized(events)}
            satisfies = self._constraint(self.root)
            self._context.meter.count([row for row in events if id(row) not in held], Part(satisfies))
        return found

    def _summarized(self, events: list[Row]) -> list[Row]:
        span = self._context.data.summarized(self._name)
        return [] if span is None else [row for row in events if span[0] <= (number(row.get("_time")) or 0) < span[1]]

    def _derived(self, events: list[Row]) -> list[Row]:
        context = self._context
        for name in self._lineage:
            dataset = self._model.datasets[name]
            holds = self._constraint(name)
            events = [row for row in events if holds(row)]
            expressions = [(field, parse_value(source)) for field, source in dataset.calculated]
            if expressions:
                events = [dict(row) for row in events]
            for row in events:
                for field, expression in expressions:
                    value = expression.evaluate(row, context.now)
                    if value is None:
                        row.pop(field, None)
                    else:
                        row[field] = value
        return events

    def prefixed(self, events: list[Row], summaries_only: bool = False) -> list[Row]:
        """Return the events of the dataset with the root's name before each field."""
        fields, children = self.fields(), self._children()
        found = []
        for row in self.rows(events, summaries_only):
            kept: Row = {f"{self.root}.{field}": row[field] for field in fields if row.get(field) is not None}
            kept.update({field: row[field] for field in _INDEXED if row.get(field) is not None})
            kept["nodename"] = multivalue(path for path, parts in children if all(part(row) for part in parts))
            found.append(kept)
        return found

    def _children(self) -> list[tuple[str, list[Predicate]]]:
        """Return the paths of this dataset and of the datasets below it, each with the constraints that it adds."""
        found = []
        for name in self._model.datasets:
            lineage = self._model.lineage(name)
            if self.dataset in lineage:
                below = lineage[lineage.index(self.dataset) + 1 :]
                found.append((".".join(lineage), [self._constraint(one) for one in below]))
        return found

    def _constraint(self, name: str) -> Predicate:
        return Search(tokenize(self._model.datasets[name].constraint), lambda _: NOTHING, self._context.now).holds


def _model_name(arguments: Arguments) -> tuple[str, str | None]:
    name, _, dataset = arguments.name().partition(".")
    return name, dataset.rpartition(".")[2] or None


def _leading_options(arguments: Arguments) -> dict[str, Any]:
    leading: list[Token] = []
    while len(arguments.tokens) > 2 and arguments.tokens[0].kind == WORD and arguments.tokens[1].is_mark("="):
        leading += arguments.tokens[:3]
        arguments.tokens = arguments.tokens[3:]
    rest, arguments.tokens = arguments.tokens, leading
    options = arguments.options(_TSTATS_OPTIONS)
    arguments.tokens = rest
    for name in ("prestats", "append"):
        if options.get(name):
            raise arguments.fail(f"{name}=true is not supported")
    return options


def _check_names(arguments: Arguments, names: list[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise arguments.fail(f"unknown field {name}")


def _tstats(context: Context, arguments: Arguments) -> Table:
    options = _leading_options(arguments)
    by_tokens = arguments.split_at("by", "groupby")
    where = arguments.split_at("where") or []
    aggregates = parse_aggregates(arguments, "from")
    _check_functions(arguments, aggregates)
    model = None
    if arguments.word("from"):
        if not arguments.word("datamodel"):
            raise arguments.fail("'from' takes datamodel=")
        arguments.mark("=")
        model = Model(context, arguments, *_model_name(arguments))
        if model.dataset != model.root:
            raise arguments.fail(f"{model.dataset} is no root dataset: name it by nodename= after where")
    arguments.finish()
    search = Search(where, lambda source: as_search(context.run(source, None)), context.now)
    earliest = context.earliest if search.earliest is None else search.earliest
    latest = context.latest if search.latest is None else search.latest
    arguments.tokens = by_tokens or []
    span = arguments.options({"span": str}).get("span")
    by = arguments.names()
    arguments.finish()
    events = in_range(context, earliest, latest)
    if model is None:
        known = list(_INDEXED)
        rows = [{field: row[field] for field in _INDEXED if row.get(field) is not None} for row in events]
    else:
        known = [*_INDEXED, "nodename", *(f"{model.root}.{field}" for field in model.fields())]
        rows = model.prefixed(events, options.get("summariesonly", False))
    _check_names(arguments, [*by, *_fields(aggregates)], known)
    kept = [row for row in rows if search.holds(row)]
    return summarize(_prepared(arguments, kept, by, span, options), known, aggregates, by, context.now)


def _check_functions(arguments: Arguments, aggregates: list[Aggregate]) -> None:
    if not aggregates:
        raise arguments.fail("needs a function")
    for one in aggregates:
        if one.expression is not None or one.function == "list" or "*" in (one.field or ""):
            raise arguments.fail(f"{one.function}() of an expression or a wildcard, and list(), are not supported")


def _fields(aggregates: list[Aggregate]) -> list[str]:
    return [one.field for one in aggregates if one.field is not None]


def _prepared(
    arguments: Arguments, rows: list[Row], by: list[str], span: str | None, options: dict[str, Any]
) -> list[Row]:
    if "fillnull_value" in options:
        missing = dict.fromkeys(by, options["fillnull_value"])
        rows = [{**missing, **row} for row in rows]
    if span is not None:
        if "_time" not in by:
            raise arguments.fail("span is for _time")
        put = binning(arguments, "_time", span)
        rows = [{**row, "_time": put(number(row["_time"]))} for row in rows]
    elif "_time" in by:
        raise arguments.fail("by _time without a span, which depends on the results, is not supported")
    return rows


def _datamodel(context: Context, arguments: Arguments) -> Table:
    options = arguments.options({"strict_fields": boolean, "summariesonly": boolean, "allow_old_summaries": boolean})
    names = arguments.names()
    arguments.finish()
    if len(names) != 3:
        raise arguments.fail("takes a data model, a dataset and 'search' or 'flat'")
    if not options.get("strict_fields", True):
        raise arguments.fail("strict_fields=false is not supported")
    if names[2] not in ("search", "flat"):
        raise arguments.fail(f"{names[2]} is none of search, flat")
    model = Model(context, arguments, names[0], names[1])
    events = in_range(context, context.earliest, context.latest)
    summaries_only = options.get("summariesonly", False)
    if names[2] == "search":
        return Table(model.prefixed(events, summaries_only))
    return Table(_plain(model, events, summaries_only))


def _plain(model: Model, events: list[Row], summaries_only: bool = False) -> list[Row]:
    fields = [*_INDEXED, "_raw", *model.fields()]
    rows = model.rows(events, summaries_only)
    return [{field: row[field] for field in fields if row.get(field) is not None} for row in rows]


def _from(context: Context, arguments: Arguments) -> Table:
    source = " ".join(token.text for token in arguments.tokens)
    arguments.tokens = []
    kind, _, name = source.replace(":", " ", 1).partition(" ")
    name = name.strip().replace(" ", "")
    if kind == "datamodel":
        model_name, _, dataset = name.partition(".")
        model = Model(context, arguments, model_name, dataset or None)
        return Table(_plain(model, in_range(context, context.earliest, context.latest)))
    if kind in ("lookup", "inputlookup"):
        lookup = found_lookup(context, arguments, name)
        return Table([{field: row[field] for field in lookup.fields if row.get(field)} for row in lookup.rows])
    raise arguments.fail(f"unknown kind of dataset {kind}")


COMMANDS: dict[str, Action] = {
    "datamodel": generating(_datamodel),
    "from": generating(_from),
    "tstats": generating(_tstats),
}

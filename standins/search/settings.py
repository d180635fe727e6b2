"""The settings that exist, after Splunk's props.conf.spec, transforms.conf.spec and eventtypes.conf.spec (10.4).

A setting that Splunk knows and the simulator does not play is refused: otherwise its effect would be missing silently.
"""

from __future__ import annotations

import re

from standins.search.conf import Line
from standins.search.errors import KnowledgeError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PROPS_INERT = _names(
    """
    category description pulldown_type given_type EVENT_BREAKER_ENABLE EVENT_BREAKER LB_CHUNK_BREAKER
    LB_CHUNK_BREAKER_TRUNCATE LINE_BREAKER_LOOKBEHIND MATCH_LIMIT DEPTH_LIMIT LEARN_SOURCETYPE LEARN_MODEL
    ANNOTATE_PUNCT ADD_EXTRA_TIME_FIELDS MAX_DIFF_SECS_AGO MAX_DIFF_SECS_HENCE NO_BINARY_CHECK CHECK_METHOD
    initCrcLength detect_trailing_nulls trackPipelineLatency AUTO_KV_JSON
    """
)
"""Settings without effect on a stored event: texts, forwarders, resources, reading of files, warnings."""

PROPS_INDEX = _names(
    """
    CHARSET LINE_BREAKER SHOULD_LINEMERGE TRUNCATE DATETIME_CONFIG TIME_PREFIX TIME_FORMAT MAX_TIMESTAMP_LOOKAHEAD
    MAX_DAYS_AGO MAX_DAYS_HENCE
    """
)
"""Settings that are played when data is indexed."""

PROPS_SEARCH = frozenset(["KV_MODE", "rename", "priority"])

PROPS_INPUT = frozenset(["sourcetype"])
"""Settings of a source that count when an input reads it: "can only be set for a [source::...] stanza"."""

PROPS_CLASSES = ("EXTRACT", "REPORT", "FIELDALIAS", "EVAL", "LOOKUP")
"""Kinds of settings whose name has a class (for EVAL: a field)."""

_CLASS = re.compile(r"(?:(EXTRACT|REPORT|FIELDALIAS)-|((?i:EVAL))-|((?i:LOOKUP))[-_]?)(.+)", re.DOTALL)

TRANSFORM_EXTRACTION = _names(
    """
    REGEX FORMAT SOURCE_KEY MV_ADD CLEAN_KEYS KEEP_EMPTY_VALS DELIMS FIELDS MATCH_LIMIT DEPTH_LIMIT CAN_OPTIMIZE
    """
)
"""Settings of a transform for search-time extraction."""

TRANSFORM_LOOKUP = _names(
    """
    filename max_matches min_matches default_match case_sensitive_match match_type
    batch_index_query allow_caching cache_size check_permission replicate reverse_lookup_honor_case_sensitive_match
    max_duplicates
    """
)
"""Settings of a transform for a lookup in a CSV file."""

EVENT_TYPE = frozenset(["search", "disabled", "priority", "description", "color"])

_META = {"access", "export", "owner", "version", "modtime"}


def kind_and_class(key: str) -> tuple[str, str]:
    """Return the kind of a setting of props.conf and its class (for EVAL: the field), ("", "") for a plain setting.

    "EVAL-" and "LOOKUP-" may be in upper or lower case, and a lookup's hyphen may be an underscore or missing; all
    other names are case-sensitive.
    """
    found = _CLASS.fullmatch(key)
    if not found:
        return "", ""
    return (found.group(1) or found.group(2) or found.group(3)).upper(), found.group(4)


def check_props(line: Line) -> None:
    """Raise KnowledgeError for a setting that props.conf does not know or the simulator does not play."""
    key = line.key
    if line.stanza.startswith(("rule::", "delayedrule::")):
        raise KnowledgeError(f"{line}: recognising sourcetypes by rules is not played")
    if kind_and_class(key)[0] or key in PROPS_INDEX or key in PROPS_SEARCH or key in PROPS_INERT:
        return
    if key in PROPS_INPUT and line.stanza.startswith("source::"):
        return
    raise KnowledgeError(f"{line}: not a setting of props.conf, or one that is not played")


def check_transforms(line: Line) -> None:
    """Raise KnowledgeError for a setting that transforms.conf does not know or the simulator does not play."""
    if line.key not in TRANSFORM_EXTRACTION and line.key not in TRANSFORM_LOOKUP:
        raise KnowledgeError(f"{line}: not a setting of transforms.conf, or one that is not played")


def check_eventtypes(line: Line) -> None:
    """Raise KnowledgeError for a setting that eventtypes.conf does not know, or no longer supports."""
    if line.key not in EVENT_TYPE:
        raise KnowledgeError(f"{line}: not a setting of eventtypes.conf, or one that it has given up")


def check_tags(line: Line) -> None:
    """Raise KnowledgeError for a stanza that is not a field and a value, or a tag in quotes."""
    if "=" not in line.stanza or '"' in line.key:
        raise KnowledgeError(f"{line}: not a tag of a field's value")


def check_macros(line: Line) -> None:
    """Raise KnowledgeError for a setting that macros.conf does not know."""
    if line.key not in {"args", "definition", "iseval", "validation", "errormsg", "description"}:
        raise KnowledgeError(f"{line}: not a setting of macros.conf")


def check_meta(line: Line) -> None:
    """Raise KnowledgeError for a setting that default.meta does not know."""
    if line.key not in _META:
        raise KnowledgeError(f"{line}: not a setting of a .meta file")


CHECKS = {
    "props": check_props,
    "transforms": check_transforms,
    "eventtypes": check_eventtypes,
    "tags": check_tags,
    "macros": check_macros,
}
"""The kinds of conf files that are read, and the check for the lines of each."""

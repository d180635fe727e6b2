"""Texts that users read are in plain words: none of the words that readers had to guess at, and American spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest

from . import user_texts
from .user_texts import Text

_TAKE = r"(?:take|takes|taken|took|taking)"
INSTEAD = {
    r"anew": "again; reconnect; retry",
    r"(?:tell|tells|telling|told)": "shows; reports; is set",
    r"whole": "complete",
    r"mend(?:s|ed|ing)?": "repair",
    r"beside": "in addition to; next to",
    r"(?:come|comes|came|coming)(?! from\b)": "arrives; is received",
    _TAKE + r"(?: (?:an?|the|it|its|this|that|these|those|them|one|`code`|_\w+))*(?: \w+)? for(?! (?:ever|that time)\b)": "treated as",
    r"there (?:is|are|was|were) (?:no|none)(?! longer)": "not found",
    r"(?:is|are|was|were) (?:no|none)(?! (?:longer|more|later|less)\b)": "is not",
    r"right for most": "Recommended",
    r"rooms?": "space; module",
    r"houses?": "package",
    r"(?:that|those) which": "a noun",
    r"of (?:those|that|it) (?:that|which|what)": "a noun",
    r"what (?:had|has|have) not": "a noun",
    r"what \w+(?: \w+){0,3} of (?:it|them|that)": "a noun",
    _TAKE + r"(?: in)? nothing": "is blocked; back-pressure",
    r"licences?": "license",
    r"colou?red|colours?": "color",
    r"\w+(?:ognis|rganis|ormalis|ummaris|inimis|nitialis|erialis|uthoris|ynchronis)\w*": "-ize",
    r"behaviours?|favou?rites?|honou?rs?|neighbours?|favours?": "-or",
    r"catalogues?": "catalog",
    r"centres?|metres?": "-er",
    r"(?:cancell|labell|modell|travell)(?:ed|ing)": "one l",
    r"analyse[sd]?|grey|whilst|artefacts?|defence": "American spelling",
}

"""Write the fillers of real events into every calculated field of default/props.conf: tools/python.sh tools/fillers.py.

A filler is the text that a Management Center writes in place of a missing value. Splunk cannot name such a list in one
place: macros do not work in calculated fields, and a lookup cannot return a value that it does not list
(docs/decisions/0009). So each expression has the list, and this program writes it. A list that must differ is in
`OTHER_LISTS` with its reason.
"""

from __future__ import annotations

import re
import sys

from environment import ROOT

PROPS = ROOT / "default" / "props.conf"

FILLERS = (
    "-",
    "n/a",
    "null",
    "none",
    "unknown",
    "invalid id",
    "not checked",
    "not found",
    "no authentication required",
)
"""Values, in lower case, that count as absent. Each is a part of a regular expression."""

CARRIERS = "https|http/[23]|ssl|tls|dtls|quic"
BROWSING = "web browsing"
CLIENTS = "(ssl|tls|https?|quic) client|web browser|chrome|chromium|firefox|edge|safari|opera|internet explorer"
ADDITIONS = (CARRIERS, BROWSING, CLIENTS)
"""Values that some expressions skip in addition: names of protocols that only carry an application, and of clients."""

OTHER_LISTS = frozenset(("|-|null|[(]null[)]|unknown",))
"""Lists that are not the fillers. The field rule keeps *Invalid ID* and *N/A*: detections group by it."""

_LIST = re.compile(r"(?<=\(\?i\)\^\()(\|-\|[^\"]*)(?=\)\$)")


def written(text: str) -> tuple[str, int]:
    """Return the text of a props.conf with the fillers in each list, and the number of lists."""
    count = 0

    def renewed(match: re.Match[str]) -> str:
        nonlocal count
        if match[0] in OTHER_LISTS:
            return match[0]
        count += 1
        addition = next((one for one in ADDITIONS if match[0].endswith(f"|{one}")), "")
        return "|".join(["", *FILLERS, *([addition] if addition else [])])

    return _LIST.sub(renewed, text), count


def main() -> int:
    """Write the file and print its number of lists."""
    text, count = written(PROPS.read_text(encoding="utf-8"))
    PROPS.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{count} lists of fillers in {PROPS.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

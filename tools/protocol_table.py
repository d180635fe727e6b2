"""Write the table of states and messages into docs/protocol.md, from the code: tools/python.sh tools/protocol_table.py.

tests/protocol/test_states.py checks the page against the code.
"""

from __future__ import annotations

import sys

from environment import ROOT

sys.path.insert(0, str(ROOT / "bin"))

from estreamer.protocol.states import TRANSITIONS, Action, Message, State

PAGE = ROOT / "docs" / "protocol.md"
BEGIN, END = "<!-- states: tools/protocol_table.py -->\n", "<!-- end of states -->\n"


def table() -> str:
    """Return the states, and what each message means in each of them, as Markdown."""
    shown = [state for state in State if state is not State.ENDED]
    lines = ["| state | what it means |", "|---|---|", *(f"| {_name(state)} | {state.value} |" for state in State), ""]
    lines += [f"| read | {' | '.join(f'in *{_name(state)}*' for state in shown)} |", "|---|" + "---|" * len(shown)]
    for message in Message:
        cells = " | ".join(_cell(state, message) for state in shown)
        lines.append(f"| {message.value} | {cells} |")
    return "\n".join(lines) + "\n"


def _cell(state: State, message: Message) -> str:
    transition = TRANSITIONS.get((state, message))
    if transition is None:
        return "–"
    goes_on = "" if transition.state is state else f" → *{_name(transition.state)}*"
    return f"{transition.action.value}{goes_on}"


def _name(member: State | Action) -> str:
    return member.name.lower().replace("_", " ")


def written(page: str) -> str:
    """Return a page with the table in its place. Raises ValueError if the page has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the table: {BEGIN.strip()} and {END.strip()} are missing.")
    return f"{before}{begin}\n{table()}\n{end}{after}"


def main() -> int:
    """Write the table into its page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

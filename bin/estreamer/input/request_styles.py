"""In which style each account is asked: as the input is set, or as has worked, which the bookmark keeps."""

from __future__ import annotations

from collections.abc import Sequence

from ..bookmark.bookmark import Bookmark
from ..connection.problems import ConnectionLost
from ..errors import Problem
from ..protocol.session import ServerError, Session

AUTO = "auto"
"""The setting with which the style is found out."""


class RequestStyles:
    """Chooses the style of each request, by account.

    `wanted` is the input's setting: one of `styles`, or `AUTO`. `styles` are those of the family of events, of which
    the first is tried first.
    """

    def __init__(self, wanted: str, styles: Sequence[str], bookmark: Bookmark) -> None:
        self._wanted = wanted
        self._styles = styles
        self._bookmark = bookmark
        self._tried: dict[str, str] = {}

    def of(self, account: str) -> str:
        """Return the style in which the account is to be asked."""
        if self._wanted != AUTO:
            return self._wanted
        return self._tried.get(account) or self._bookmark.style(account) or self._styles[0]

    def worked(self, account: str, style: str) -> None:
        """Remember the style of a request that events answered. Raises Problem when the disk refuses the bookmark."""
        self._bookmark.remember_style(account, style)

    def ended(self, account: str, style: str, session: Session, problem: Problem) -> None:
        """Try the next style after a request that brought an error, or no answer at all."""
        if self._wanted != AUTO or session.data_received:
            return
        unanswered = not session.answered and not isinstance(problem, ConnectionLost)
        if unanswered or isinstance(problem, ServerError):
            self._tried[account] = self._styles[(self._styles.index(style) + 1) % len(self._styles)]

"""What an input says in its log about its connections: each line with its sentence."""

from __future__ import annotations

from collections.abc import Sequence

from ..bookmark.bookmark import Bookmark
from ..connection.tls import Peer
from ..errors import Problem
from ..protocol.session import OTHER_TYPES
from ..settings import Account, InputSettings
from .logs import Log
from .rotation import Outcome


class Reports:
    """Writes the lines of one input."""

    def __init__(self, log: Log, settings: InputSettings, bookmark: Bookmark) -> None:
        self._log = log
        self._settings = settings
        self._bookmark = bookmark

    def started(self) -> None:
        """Report the start, and what was found in the bookmark."""
        self._recovery()
        self._log.info("started", bookmark=self._bookmark.position, event_types=",".join(self._settings.fields))

    def _recovery(self) -> None:
        recovery = self._bookmark.recovery
        for name in recovery.put_aside:
            self._log.error(
                "bookmark_put_aside",
                file=name,
                problem="It cannot be read. The previous one is used, so events may double.",
            )
        for name in recovery.cut:
            self._log.warning("bookmark_cut", file=name, problem="A crash tore off its end. The rest of it is used.")
        if recovery.key_lost is not None:
            self._log.error("bookmark_key_lost", code=recovery.key_lost.code, problem=recovery.key_lost.text)
        if recovery.unsettled:
            self._log.warning(
                "delivered_again",
                events=recovery.unsettled,
                problem="splunkd was restarted. What it may not have settled is delivered again.",
            )

    def stopped(self, reason: str) -> None:
        """Report that the input ends as it was asked to."""
        self._log.info("stopped", reason=reason)

    def reader_gone(self, problem: str) -> None:
        """Report that the input ends since nobody receives its events any more."""
        self._log.warning("reader_gone", problem=problem)

    def cannot_run(self, problem: Problem) -> None:
        """Report that the input ends by itself."""
        self._log.error("input_cannot_run", code=problem.code, problem=problem.text)

    def connecting(self, account: Account) -> None:
        """Report an attempt to connect."""
        self._log.info("connecting", account=account.name, host=account.host, port=account.port)

    def connected(self, account: Account, peer: Peer, style: str) -> None:
        """Report a connection, and the style of the request that is made on it."""
        self._log.info(
            "connected",
            account=account.name,
            host=account.host,
            address=peer.address,
            port=peer.port,
            tls=peer.tls_version,
            cipher=peer.cipher,
            server_fingerprint=peer.fingerprint,
            server_expires=peer.end.not_after,
            request_style=style,
            bookmark=self._bookmark.position,
        )
        if account.legacy_certificates:
            self._log.warning(
                "legacy_certificates",
                account=account.name,
                problem="Weak signatures and key sizes are accepted. Renew the certificates and switch this off.",
            )

    def failover(self, previous: str | None, account: Account) -> None:
        """Report that the other Management Center of a pair serves; an account that was merely replaced is not one."""
        if previous in (None, account.name) or previous not in (
            self._settings.account,
            self._settings.failover_account,
        ):
            return
        self._log.warning(
            "failover",
            account=account.name,
            host=account.host,
            previous_account=previous,
            problem=f"The Management Center of the account {previous!r} no longer serves: events come from that of "
            f"{account.name!r}. Find out why in the lines before.",
        )

    def ended(self, outcome: Outcome, retry_in: float, retry_account: str) -> None:
        """Report what ended an attempt or a connection, and when which account is tried next."""
        self._log.warning(
            "disconnected" if outcome.served else "connection_failed",
            code=outcome.problem.code,
            problem=outcome.problem.text,
            retry_in=retry_in,
            retry_account=retry_account,
        )

    def clock_ahead(self, account: str, ahead: tuple[int, int], timestamp: int) -> None:
        """Report that events are asked for from an earlier time on than the last one's (all in Unix seconds).

        `ahead` are the archival time of the last event, and this machine's time when it was received.
        """
        archival, own = ahead
        self._log.warning(
            "clock_ahead",
            account=account,
            archival_time=archival,
            own_time=own,
            asked_from=timestamp,
            problem=f"The last event before this connection has an archival time {archival - own} seconds ahead of "
            "this machine's clock at that moment. The request goes back to this machine's own time, so that no event "
            "is skipped if the other clock has been corrected. Set both clocks by NTP.",
        )

    def bundle_gap(self, gap: tuple[int, int], times: int) -> None:
        """Report bundles that were left out: the last such place, as (expected, received), and how many there were."""
        self._log.warning(
            "bundle_gap",
            expected=gap[0],
            received=gap[1],
            times=times,
            problem="The server left bundles out, or began their numbers again. Compare the event counts of that time.",
        )

    def unknown_messages(self, message_types: Sequence[int], times: int) -> None:
        """Report the types of messages that were skipped in a conversation, of which so many have just been met."""
        shown = ("others" if message_type == OTHER_TYPES else str(message_type) for message_type in message_types)
        self._log.warning(
            "unknown_message_type", type=",".join(shown), times=times, problem="Messages of these types are skipped."
        )

    def no_event_yet(self, seconds: float) -> None:
        """Report a connection that has brought no event for so many seconds."""
        self._log.warning(
            "no_event_yet",
            minutes=round(seconds / 60),
            problem="Connected, but no event was received. Check that these event types are ticked on the FMC "
            "(Integration > eStreamer), and that devices send events.",
        )

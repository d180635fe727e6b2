"""What went wrong with a connection, in words that say what to do: failures of sockets and TLS → Problem.

Failures are distinguished by numbers and names that OpenSSL and the system define, never by their texts, which differ
between versions.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Sequence

from .. import causes
from ..errors import Problem

_LEGACY = 'switch on "Legacy certificates" for this account'

_EXPIRED, _NOT_YET_VALID = 10, 9
_UNKNOWN_ISSUER = frozenset((2, 7, 18, 19, 20, 21, 29, 30, 31, 33))
"""X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, _CERT_SIGNATURE_FAILURE, self-signed ones, _UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
_UNABLE_TO_VERIFY_LEAF_SIGNATURE, and issuers that do not match: another CA, or another key of one of the same name."""
_WEAK_CODES = frozenset((66, 67, 68))
"""X509_V_ERR_EE_KEY_TOO_SMALL, _CA_KEY_TOO_SMALL, _CA_MD_TOO_WEAK."""

_CLIENT_REFUSED = frozenset(
    (
        "UNKNOWN_CA",
        "BAD_CERTIFICATE",
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN",
        "CERTIFICATE_REQUIRED",
        "UNSUPPORTED_CERTIFICATE",
        "ACCESS_DENIED",
        # The certificate's signature does not fit a CA of the same name: a CA that was renewed.
        "DECRYPT_ERROR",
    )
)
"""Alerts by which a server refuses a client certificate."""

_VERSION_REASONS = frozenset(
    ("UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "WRONG_VERSION_NUMBER", "VERSION_TOO_LOW", "NO_PROTOCOLS_AVAILABLE")
)

_WEAK_REASONS = frozenset(
    (
        "DH_KEY_TOO_SMALL",
        "EE_KEY_TOO_SMALL",
        "CA_KEY_TOO_SMALL",
        "CA_MD_TOO_WEAK",
        "WRONG_SIGNATURE_TYPE",
        "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
    )
)

_NO_COMMON_CIPHER = frozenset(("HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY"))
"""Alerts by which a server says that it cannot agree on anything that was offered."""

_RECORD_TYPES = frozenset((20, 21, 22, 23))

_DISMISSED_WITHIN = 60.0
"""Seconds after the handshake in which an end without a message means that the server does not want this client."""
_MOST_SHOWN = 8
"""Addresses that a sentence names: a name may have any number of them."""

_CHECK_ROUTES = "Check the address and this machine's routes."
_NO_RESOURCES = (
    "A resource that connections need is used up on this machine: end the process that uses too much, or raise the "
    "limit."
)
_TO_AN_ADDRESS = {
    errno.ENETUNREACH: ("network unreachable", _CHECK_ROUTES),
    errno.EHOSTUNREACH: (
        "host unreachable",
        "Check the address, this machine's routes, and that no firewall on the way rejects the connection.",
    ),
    errno.ENETDOWN: ("network down", "Bring up this machine's network interface."),
    errno.EADDRNOTAVAIL: (
        "no local address for it",
        "Check the address, that this machine has an address of the same kind (IPv4 or IPv6), and that it has not used "
        "up its local ports.",
    ),
    errno.EAFNOSUPPORT: (
        "this machine has no such kind of address",
        "Enter an address of the kind, IPv4 or IPv6, that this machine has.",
    ),
    errno.EACCES: ("not permitted on this machine", "Check the address, and this machine's own firewall and SELinux."),
    errno.EPERM: ("not permitted on this machine", "Check the address, and this machine's own firewall and SELinux."),
    errno.EMFILE: ("too many open files in this process", _NO_RESOURCES),
    errno.ENFILE: ("too many open files on this machine", _NO_RESOURCES),
    errno.ENOBUFS: ("no buffer space on this machine", _NO_RESOURCES),
    errno.ENOMEM: ("no memory on this machine", _NO_RESOURCES),
}
"""Why an address takes no connection, and what to do."""

_NO_ADDRESS = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)


class PeerClosed(Problem):
    """The peer ended a connection that was made."""


class PeerReset(PeerClosed):
    """The peer, or a device on the way, broke off a connection on which the peer had already sent something."""


class ConnectionLost(Problem):
    """Nobody ended the connection: the network, or the peer's host, failed."""


def not_resolved(host: str, error: Exception | None) -> Problem:
    """The name has no address; without an answer in time, no `error` is given."""
    instead = "or enter the Management Center's IP address."
    number = error.errno if isinstance(error, socket.gaierror) else None
    if error is None or number == socket.EAI_AGAIN:
        text = f"The name {host!r} could not be resolved: the name service does not answer. Check DNS on this machine"
    elif number in _NO_ADDRESS:
        text = f"The name {host!r} has no address. Check its spelling, and DNS on this machine"
    elif isinstance(error, OSError):
        text = f"The name {host!r} could not be resolved: {causes.text(error)}. Check DNS on this machine"
    else:
        text = f"{host!r} cannot be the name of a host ({error}). Check its spelling"
    return Problem("tls_name_not_resolved", f"{text}, {instead}")


def no_resources(error: Exception) -> Problem:
    """This process cannot have what it needs to connect: descriptors or threads."""
    why = causes.text(error) if isinstance(error, OSError) else str(error)
    return Problem("no_resources", f"No connection can be made on this machine: {why}. {_NO_RESOURCES}")


def not_connected(host: str, failures: Sequence[tuple[str, OSError]]) -> Problem:
    """No address took the connection; `failures` holds each address that was tried, and why it failed."""
    tried = "; ".join(f"{address}: {_socket_text(error)}" for address, error in failures[:_MOST_SHOWN])
    if len(failures) > _MOST_SHOWN:
        tried += f"; and {len(failures) - _MOST_SHOWN} more"
    # The failure that explains most counts: where one address answers, the others are likely of the wrong kind.
    if any(isinstance(error, ConnectionRefusedError) for _, error in failures):
        return Problem(
            "tls_refused",
            f"The connection to {host} was refused (tried {tried}). Check the port (8302 unless it was changed) and "
            "that eStreamer is enabled on the Management Center, and that no firewall rejects the connection.",
        )
    if any(isinstance(error, ConnectionResetError) for _, error in failures):
        return closed_in_handshake(host)
    if any(isinstance(error, TimeoutError) for _, error in failures):
        return Problem(
            "tls_timeout",
            f"The connection to {host} was not answered (tried {tried}). Check host and port, and that every firewall "
            "on the way lets this machine connect to the Management Center's port.",
        )
    advice = dict.fromkeys(_TO_AN_ADDRESS[error.errno][1] for _, error in failures if error.errno in _TO_AN_ADDRESS)
    return Problem(
        "tls_unreachable",
        " ".join((f"{host} cannot be reached from this machine (tried {tried or 'no address'}).", *advice)),
    )


def _socket_text(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if error.errno in _TO_AN_ADDRESS:
        return _TO_AN_ADDRESS[error.errno][0]
    return "refused" if isinstance(error, ConnectionRefusedError) else causes.text(error)


def handshake_timeout(address: str) -> Problem:
    """The peer took the connection and then kept silent."""
    return Problem(
        "tls_handshake_timeout",
        f"{address} took the connection but did not complete the TLS handshake in time. Check that this is the "
        "Management Center's eStreamer port and that no device in between inspects or holds the connection.",
    )


def handshake_too_long(address: str, limit: int) -> Problem:
    """The peer sends and sends, and the handshake does not end."""
    return Problem(
        "tls_handshake_too_long",
        f"{address} sent {limit:,} bytes without completing the TLS handshake. No Management Center does that: check "
        "host and port, and what else answers there.",
    )


def no_data(address: str, limit: int) -> Problem:
    """The peer keeps TLS busy and sends no data."""
    return Problem(
        "tls_no_data",
        f"{address} sent {limit:,} bytes of TLS without any data in them, such as requests for another handshake or "
        "empty records. The connection is made again. If that is repeated, check host and port, and what else answers "
        "there.",
    )


def not_reading(address: str, why: str) -> Problem:
    """The peer does not take what is sent to it."""
    return Problem(
        "tls_not_reading",
        f"{address} does not read what this input sends ({why}). The connection is made again. If that is repeated, "
        "restart the eStreamer service on the Management Center, and check that no device in between holds back one "
        "direction of the connection.",
    )


def closed_in_handshake(address: str) -> Problem:
    """The peer closed before the handshake was complete."""
    return Problem(
        "tls_closed_in_handshake",
        f"{address} closed the connection during the TLS handshake. Check that this is the Management Center's "
        "eStreamer port and that no device in between cuts the connection.",
    )


def failed_in_handshake(address: str, error: OSError) -> ConnectionLost:
    """The connection failed during the handshake, and the peer did not close it."""
    return ConnectionLost(
        "tls_lost",
        f"The connection to {address} failed during the TLS handshake: {_socket_text(error)}. Check the network "
        "between this machine and the Management Center.",
    )


def closed_before_any_message(address: str, local_address: str, common_name: str, age: float) -> PeerClosed:
    """The server completed the handshake and closed without a message: by the guide, failed authentication.

    `age` is how many seconds after the handshake that was.
    """
    if age > _DISMISSED_WITHIN:
        return PeerClosed(
            "tls_closed",
            f"{address} closed or reset the connection {age:.0f} seconds after the TLS handshake, before it sent any "
            "message. The connection is made again. The Management Center may have been restarted; if it happens "
            "again and again, check that no firewall on the way ends connections that are quiet for a while.",
        )
    return PeerClosed(
        "tls_closed_after_handshake",
        f"{address} closed or reset the connection right after the TLS handshake, without a message. Most often the "
        f"Management Center does not know this client: its certificate was made for {common_name!r}, and this machine "
        f"connected from {local_address}. The Management Center must see it come from {common_name!r}: check NAT on "
        "the way, which interface is used, and, for a name, that DNS on the Management Center resolves it; or create "
        "the client again (System > Integration > eStreamer) with the address that the Management Center sees.",
    )


def closed_later(address: str) -> PeerClosed:
    """The connection ended after it had been in use."""
    return PeerClosed("tls_closed", f"{address} closed the connection. The connection is made again.")


def reset_later(address: str, error: OSError) -> PeerReset:
    """The connection was reset, or broken off on this side, after it had been in use."""
    return PeerReset(
        "tls_closed",
        f"The connection to {address} was ended by the server, or by a device on the way: {causes.text(error)}. The "
        "connection is made again.",
    )


def lost(address: str, error: OSError) -> ConnectionLost:
    """Nobody closed the connection: the peer's host, or the network on the way, does not answer any more."""
    if isinstance(error, TimeoutError):
        why = "no answer: the host or the network is gone, or the server has read nothing for two minutes"
    else:
        why = _socket_text(error)
    return ConnectionLost(
        "tls_lost",
        f"The connection to {address} was lost ({why}). It is made again. If it is lost again, check the network, and "
        "that no firewall on the way forgets connections that are quiet for a while.",
    )


def unreadable_certificate(address: str, error: Exception) -> Problem:
    """Python cannot read the certificate that OpenSSL has accepted."""
    return Problem(
        "tls_untrusted",
        f"The certificate of the server at {address} cannot be read ({type(error).__name__}). Have the Management "
        "Center's certificate renewed.",
    )


def wrong_role(address: str, subject: str) -> Problem:
    """The peer's certificate is of the right CA, but it is not an eStreamer server's."""
    return Problem(
        "tls_wrong_role",
        f"{address} presented a certificate that is not an eStreamer server's (subject {subject!r}; expected "
        "title=eStreamer, generationQualifier=server). Check host and port: something else of the same Management "
        "Center, or another client, answers there.",
    )


def pin_mismatch(address: str, fingerprint: str) -> Problem:
    """The server's certificate is not the pinned one."""
    return Problem(
        "tls_pin_mismatch",
        f"{address} presented a certificate with the SHA-256 fingerprint {fingerprint}, which is not the one of this "
        "account. If the Management Center's certificate was renewed, compare and enter the new one; otherwise "
        "something else answers there.",
    )


def weak(address: str, why: str) -> Problem:
    """Keys or signatures of the server are below the required strength."""
    return Problem(
        "tls_weak",
        f"The server's certificate or key at {address} is too weak for a connection that can be trusted ({why}). Have "
        f"the Management Center's certificates renewed; if that cannot be, {_LEGACY}.",
    )


def of_verification(address: str, error: ssl.SSLCertVerificationError) -> Problem:
    """The server's certificate was not accepted."""
    if error.verify_code == _EXPIRED:
        return Problem(
            "tls_certificate_expired",
            f"The certificate of the server at {address}, or of its CA, has expired. Renew it on the Management "
            "Center, and check this machine's clock.",
        )
    if error.verify_code == _NOT_YET_VALID:
        return Problem(
            "tls_certificate_not_yet_valid",
            f"The certificate of the server at {address}, or of its CA, is not valid yet. Check the clocks of this "
            "machine and of the Management Center.",
        )
    if error.verify_code in _WEAK_CODES:
        return weak(address, str(error.verify_message))
    if error.verify_code not in _UNKNOWN_ISSUER:
        return Problem(
            "tls_untrusted",
            f"OpenSSL does not accept the certificate of the server at {address}, or of its CA: {error.verify_message} "
            f"(code {error.verify_code}). Check that the host is the Management Center that the file was downloaded "
            "from, and have its certificates renewed.",
        )
    return Problem(
        "tls_untrusted",
        f"The certificate of the server at {address} was not issued by the CA in the PKCS#12 file "
        f"({error.verify_message}). Check that the host is the Management Center that the file was downloaded from; if "
        "its CA was renewed, download the file again; and check that no device in between inspects TLS.",
    )


def of_handshake(address: str, error: ssl.SSLError, first_bytes: bytes) -> Problem:
    """The handshake failed; `first_bytes` are the first that the peer sent, as far as it sent any."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return of_verification(address, error)
    if first_bytes and not _looks_like_tls(first_bytes):
        return Problem(
            "tls_not_tls",
            f"What answers at {address} does not speak TLS. Check host and port: eStreamer listens on 8302 unless that "
            "was changed.",
        )
    return _of_reason(address, error)


def _of_reason(address: str, error: ssl.SSLError) -> Problem:
    reason, alert = _reason(error)
    if alert in _CLIENT_REFUSED:
        return client_refused(address, alert)
    if alert == "PROTOCOL_VERSION" or reason in _VERSION_REASONS:
        return Problem(
            "tls_version",
            f"The server at {address} and this machine have no TLS version in common: 1.2 or newer is required. Update "
            "the Management Center.",
        )
    if reason in _WEAK_REASONS:
        return weak(address, _words(reason))
    if alert in _NO_COMMON_CIPHER:
        return Problem(
            "tls_no_common_cipher",
            f"The server at {address} ended the handshake with the alert {_words(alert)!r}. Most often it accepts none "
            "of the ciphers that are offered to it, as an old one may; it may also refuse the client's certificate. "
            f"Update the Management Center; if that cannot be, {_LEGACY}. If that does not help, check that the client "
            "still exists there.",
        )
    return broken(address, error)


def of_stream(address: str, error: ssl.SSLError, received: bool) -> Problem:
    """TLS failed after the handshake; `received` is whether the server has sent any data before.

    With TLS 1.3 a server judges the client certificate when the client has already completed its handshake.
    """
    reason, alert = _reason(error)
    if alert in _CLIENT_REFUSED:
        return client_refused(address, alert)
    if not received and not reason:
        return Problem(
            "tls_broken",
            f"The TLS connection to {address} failed before the server sent a message, and OpenSSL names no reason. "
            "This is how some versions of OpenSSL report that the server refused the client's certificate: check that "
            "the client still exists on the Management Center (System > Integration > eStreamer). If it does, check "
            "that no device in between changes or inspects the connection.",
        )
    return broken(address, error)


def own_certificate_refused(error: ssl.SSLError) -> Problem:
    """OpenSSL on this machine does not take our own certificate or key."""
    reason = _reason(error)[0]
    why = _words(reason)
    if reason in _WEAK_REASONS:
        return Problem(
            "certificate_weak",
            f"This machine's OpenSSL finds the client certificate too weak ({why}). Have the Management "
            f"Center issue a new one; if it cannot, {_LEGACY}.",
        )
    return Problem(
        "tls_own_certificate",
        f"This machine's OpenSSL cannot use the client certificate or a CA certificate of the PKCS#12 file ({why}). "
        "Download the file of this client again from the Management Center (System > Integration > eStreamer). If "
        "OpenSSL on this machine is restricted (FIPS mode), it may not support the algorithms of these certificates.",
    )


def own_openssl(error: Exception) -> Problem:
    """OpenSSL on this machine cannot do what every connection needs."""
    return Problem(
        "tls_own_openssl",
        f"This machine's OpenSSL ({ssl.OPENSSL_VERSION}) cannot be set up for a connection: {error}. If it is "
        "restricted (FIPS mode), see whether its settings allow TLS 1.2 with ECDHE and AES-GCM.",
    )


def no_temporary_file(error: OSError) -> Problem:
    """The file through which the key is handed to OpenSSL cannot be written or read."""
    return Problem(
        "tls_temporary_file",
        causes.sentence("The temporary file that TLS needs cannot be written", error)
        + " TMPDIR (on Windows: TEMP) may name another folder for it.",
    )


def client_refused(address: str, alert: str) -> Problem:
    """The server does not accept the client certificate."""
    why = f" ({_words(alert)})" if alert else ""
    return Problem(
        "tls_client_certificate_refused",
        f"The server at {address} refused this client's certificate{why}. Check that the host is the Management Center "
        "that the PKCS#12 file was downloaded from, that the client still exists there (System > Integration > "
        "eStreamer), and download the file again.",
    )


def broken(address: str, error: ssl.SSLError) -> Problem:
    """Any other failure of TLS."""
    why = _words(_reason(error)[0])
    return Problem(
        "tls_broken",
        f"The TLS connection to {address} broke ({why}). If it does so again, check that no device in between changes "
        "or inspects the connection.",
    )


def _reason(error: ssl.SSLError) -> tuple[str, str]:
    """Return OpenSSL's name for the reason, and the alert in it, or empty strings where it gives none."""
    reason = (error.reason or "").upper().replace(" ", "_")
    _, found, alert = reason.partition("ALERT_")
    return reason, alert if found else ""


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower() or "no reason given"


def _looks_like_tls(first_bytes: bytes) -> bool:
    return first_bytes[0] in _RECORD_TYPES and first_bytes[1:2] in (b"\x03", b"")

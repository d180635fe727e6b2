"""splunkd's own certificate, for a management port that requires one of whoever connects.

With `requireClientCert = true` in server.conf, stanza [sslConfig], splunkd takes connections only with a certificate of
the CA in `sslRootCAPath`. What Splunk itself shows there is `serverCert` of the same stanza, and so does this add-on,
where the key in that file needs no password: the password is encrypted for splunkd alone. Then the file is known that
splunkd shows, too, and no other server is accepted.

Splunk's own `btool` says which file that is, by solnlib: it is the only source that layers conf files as splunkd does,
and needs no management port.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

from ..errors import Problem

SERVER_CERT = os.path.join("$SPLUNK_HOME", "etc", "auth", "server.pem")
"""What splunkd has for `serverCert` by default (server.conf.spec)."""

_PARTIAL_CHAIN = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN; Python's `ssl` names it from 3.10 on."""

_ASKED = "CERTIFICATE_REQUIRED"
"""The alert of a server that requires a certificate, by TLS 1.3 (RFC 8446, section 6.2)."""

_PERHAPS_ASKED = "HANDSHAKE_FAILURE"
"""The alert of such a server by TLS 1.2, and of one that cannot agree on versions or ciphers."""

_TRUE = frozenset(("1", "true", "t", "yes", "y"))


class _Protected(Exception):
    """The key needs a password."""


def context_if_required(error: Exception) -> ssl.SSLContext | None:
    """Return what to reconnect with after a connection without a certificate has failed; None if that does not help.

    By TLS 1.3 a server refuses after the client's first bytes, and its alert may be lost when it closes: so a closed
    connection counts where server.conf requires a certificate. Raises Problem `splunkd_certificate_required` where
    splunkd's own cannot be used.
    """
    reason = getattr(error, "reason", None) or ""
    told = isinstance(error, ssl.SSLError) and str(reason).endswith(_ASKED)
    perhaps = isinstance(error, ssl.SSLError) and str(reason).endswith(_PERHAPS_ASKED)
    closed = isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, ssl.SSLEOFError))
    if not (told or perhaps or closed):
        return None
    settings = _settings()
    if not told and (settings or {}).get("requireClientCert", "").strip().lower() not in _TRUE:
        return None
    if settings is None:
        raise _required("`splunk cmd btool server list` does not say which certificate that is (serverCert)")
    return _context(os.path.expandvars(settings.get("serverCert") or SERVER_CERT))


def not_accepted(error: Exception) -> Problem:
    """Return what it means that TLS fails, or that splunkd ends the connection, where its own certificate is shown."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Problem(
            "splunkd_certificate_required",
            "splunkd's management port does not show the certificate that serverCert in server.conf names "
            f"({error.verify_message}). If that file has been replaced, restart Splunk.",
        )
    how = cause(error) if isinstance(error, ssl.SSLError) else "it ended the connection"
    return Problem(
        "splunkd_certificate_required",
        f"splunkd's management port requires a client certificate and does not accept splunkd's own ({how}). "
        "serverCert in server.conf, stanza [sslConfig], must be of the CA in sslRootCAPath and fit for TLS clients.",
    )


def cause(error: ssl.SSLError) -> str:
    """Return OpenSSL's own name of what went wrong, in words."""
    return str(error.reason or error.strerror or type(error).__name__).replace("_", " ").lower()


def _settings() -> Mapping[str, str] | None:
    """Return server.conf's stanza [sslConfig], None if it cannot be read."""
    try:
        from solnlib.splunkenv import get_conf_stanzas  # noqa: PLC0415 - hardly any input needs it

        stanza: Mapping[str, str] | None = get_conf_stanzas("server").get("sslConfig")
    except Exception:  # whatever is wrong with btool: the text may quote what it prints
        return None
    return stanza


def _context(path: str) -> ssl.SSLContext:
    """Return a context that shows the certificate in a file, and accepts the server that has the same one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The address is this machine's, whatever names are in the certificate: the complete certificate is compared.
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags(_PARTIAL_CHAIN)
    try:
        context.load_cert_chain(path, password=_no_password)
        context.load_verify_locations(path)
    except _Protected:
        raise _required(f"its key in {path} is protected by a password, which only splunkd can read") from None
    except ssl.SSLError as error:
        raise _required(f"{path} cannot be used ({cause(error)})") from None
    except OSError as error:
        raise _required(f"{path} cannot be read ({error.strerror})") from None
    return context


def _no_password() -> str:
    raise _Protected


def _required(why: str) -> Problem:
    return Problem(
        "splunkd_certificate_required",
        "splunkd's management port requires a client certificate (requireClientCert in server.conf, stanza "
        f"[sslConfig]), and splunkd's own, which the add-on would show, is of no use: {why}. Give serverCert a file "
        "whose key has no password, or set requireClientCert to false.",
    )

"""A proxy that records whoever comes to it, and environments that send everything there."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

NAMES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")

ENVIRONMENTS = ("lower case", "upper case", "both", "all_proxy alone", "another exempt", "other files")
"""What `RecordingProxy.environment` knows."""


class RecordingProxy:
    """Listens on a free port of 127.0.0.1; `heard` has what came first on each connection, which it then closes."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> RecordingProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def environment(self, kind: str) -> dict[str, str]:
        """Return an environment in which libraries go by this proxy, or use other files than they would."""
        lower = dict.fromkeys(NAMES, self.uri)
        upper = {name.upper(): self.uri for name in NAMES}
        files = dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), "/dev/null")
        return {
            "lower case": lower,
            "upper case": upper,
            "both": {**lower, **upper, "no_proxy": "", "NO_PROXY": ""},
            "all_proxy alone": {"all_proxy": self.uri, "ALL_PROXY": self.uri},
            "another exempt": {**lower, "no_proxy": "example.com", "NO_PROXY": "example.com"},
            "other files": {**lower, **files},
        }[kind]

    def _listen(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with accepted:
                accepted.settimeout(5)
                try:
                    self.heard.append(accepted.recv(65536))
                except OSError:
                    self.heard.append(b"(nothing)")

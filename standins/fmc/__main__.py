"""The stand-in as a process of its own: `tools/run.sh standins.fmc --directory DIR`.

It makes certificates in DIR, prints one line of JSON when it is ready (`address`, `port`, `pkcs12`, `ca`,
`fingerprint`, `events`), and stops on SIGTERM or when its standard input ends; then it prints a report and exits with
status 1 if a client broke the protocol.

Each line of its standard input is a command, answered with one line of JSON: `restart`, `append N` (events from the
generator), `report`, `behave {…}` (a `Behaviour` as JSON, for connections from then on), `stop`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from standins.fmc.archive import Archive, GeneratedArchive
from standins.fmc.behaviour import Behaviour
from standins.fmc.events import EventGenerator, QueryGenerator
from standins.fmc.pki import Pki, write_private
from standins.fmc.server import FmcServer


def main() -> int:
    """Serve until a command or a signal stops the server. Return the exit status."""
    options = _options()
    # A signal may arrive at any time from here on: it is treated as the end of the standard input.
    stopping, wake = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(wake, b"!"))
    pki = Pki(options.directory, key=options.key)
    password = os.environ.get(options.password_env, "") if options.password_env else ""
    pkcs12 = options.directory / "client.pkcs12"
    write_private(
        pkcs12, pki.pkcs12(options.client or options.address, password=password, encryption=options.encryption)
    )
    source = _Source(options)
    server = FmcServer(source.archive, pki, options.behaviour, address=options.address, port=options.port)
    with server:
        _say(
            address=server.address,
            port=server.port,
            pkcs12=str(pkcs12),
            ca=str(pki.ca_path),
            fingerprint=server.fingerprint,
            events=len(source.archive),
        )
        source.start()
        threading.Thread(target=_obey, args=(server, source, wake), daemon=True).start()
        os.read(stopping, 1)
        source.stop()
    _say(**_report(server))
    return 1 if server.violations else 0


class _Source:
    """The archive, and the generator of events that are appended while the server runs."""

    def __init__(self, options: argparse.Namespace) -> None:
        generator = QueryGenerator if options.queries else EventGenerator
        self._generator = generator(
            options.seed, start=options.start, per_second=options.per_second, duplicates_every=options.duplicates_every
        )
        self._rate: float = options.live
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._made = 0
        self.archive: Archive | GeneratedArchive
        if options.events is not None:
            self.archive = Archive.from_file(options.events)
        else:
            self.archive = GeneratedArchive(options.generate, self._generator)

    def append(self, count: int) -> None:
        """Append the generator's next events; no archival timestamp goes back, even after events of a file."""
        if isinstance(self.archive, GeneratedArchive):
            self.archive.grow(count)
            return
        records = self._generator.events(self._made, count)
        self._made += count
        newest = self.archive.newest()
        self.archive.extend(record._replace(archival=max(newest, record.archival)) for record in records)

    def start(self) -> None:
        if self._rate:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._rate:
            self._thread.join()

    def _run(self) -> None:
        every = max(1 / self._rate, 0.05)
        owed = 0.0
        while not self._stopping.wait(every):
            owed += every * self._rate
            self.append(int(owed))
            owed -= int(owed)


def _obey(server: FmcServer, source: _Source, wake: int) -> None:
    for line in _lines():
        command, _, argument = line.strip().partition(" ")
        try:
            if command == "stop":
                break
            _say(**_done(server, source, command, argument))
        except (ValueError, TypeError, OSError) as error:
            _say(error=str(error))
    os.write(wake, b"!")


def _lines() -> Iterator[str]:
    """Yield the lines of the standard input; `sys.stdin` has a lock, which would disturb the end of the process if it
    were held here."""
    rest = b""
    while data := os.read(0, 65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode("utf-8") for line in lines)


def _done(server: FmcServer, source: _Source, command: str, argument: str) -> dict[str, Any]:
    """Carry out a command and return the answer."""
    if command == "report":
        return _report(server)
    if command == "restart":
        server.restart()
        return {"port": server.port}
    if command == "append":
        source.append(int(argument))
        return {"events": len(source.archive)}
    if command == "behave":
        server.behaviour = Behaviour.from_json(argument)
        return {"behaviour": json.loads(server.behaviour.to_json())}
    raise ValueError(f"no such command: {command}")


def _report(server: FmcServer) -> dict[str, Any]:
    connections = []
    for connection in list(server.connections):
        told = dataclasses.asdict(connection)
        told["document"] = connection.document.decode("utf-8", "replace")
        connections.append(told)
    return {"violations": list(server.violations), "events": server.events, "connections": connections}


def _say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def _behaviour(text: str) -> Behaviour:
    try:
        return Behaviour.from_json(text)
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/run.sh standins.fmc", description="A stand-in for a Management Center."
    )
    parser.add_argument("--directory", type=Path, required=True, help="where certificates are made")
    parser.add_argument("--address", default="127.0.0.1", help="loopback address, IPv4 or IPv6")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--client", help="name or address in the client certificate, if not the server's")
    parser.add_argument("--key", default="rsa", choices=("ec", "rsa"))
    parser.add_argument("--encryption", default="aes-256", choices=("aes-256", "3des", "rc2-40"))
    parser.add_argument("--password-env", metavar="NAME", help="environment variable with the PKCS#12 password")
    parser.add_argument("--events", type=Path, help="file of JSON lines to serve, instead of generated events")
    parser.add_argument("--generate", type=int, default=1000, metavar="N", help="events in the archive at the start")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=1743500734, help="first archival timestamp, Unix seconds")
    parser.add_argument("--per-second", type=int, default=11, help="events that share an archival second, on average")
    parser.add_argument("--duplicates-every", type=int, default=0)
    parser.add_argument("--queries", action="store_true", help="URLs with queries, and a space after each colon")
    parser.add_argument("--live", type=float, default=0.0, metavar="RATE", help="events a second to append")
    parser.add_argument("--behaviour", type=_behaviour, default=Behaviour(), metavar="JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

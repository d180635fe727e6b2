"""The demo itself: the built add-on in a stand-in for Splunk, with events of a stand-in Management Center or a real
one."""

from __future__ import annotations

import argparse
import base64
import getpass
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from estreamer.errors import Problem
from estreamer.input import check
from estreamer.settings import parse_account

from standins.fmc.archive import Archive
from standins.fmc.behaviour import Behaviour, Fault
from standins.fmc.server import FmcServer
from standins.fmc.variety import VariedGenerator
from standins.splunkd import Splunkd
from standins.splunkd.stream import Event

APP = "TA_secure_firewall_estreamer"
ACCOUNT, INPUT = f"{APP}_account", f"{APP}_estreamer_fqe"
EVENTS = 4000
PASSWORD = "demo"  # noqa: S105 - of a certificate that is made for this run and deleted after it


class DemoFailure(Exception):
    """A step of the demo failed; the text names it."""


class Steps:
    """Numbered lines, one for each step."""

    def __init__(self) -> None:
        self._number = 0
        self._begun = time.monotonic()

    def say(self, text: str) -> None:
        """Print the next step, with the seconds since the start."""
        self._number += 1
        print(f"{self._number:2}. [{time.monotonic() - self._begun:5.1f} s] {text}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the demo; return 0 if all steps succeeded."""
    options = parse(arguments)
    folder = Path(tempfile.mkdtemp(prefix="estreamer-demo-"))
    failed = True
    try:
        if options.fmc:
            show_real(options, folder)
        else:
            show_stand_ins(folder)
        failed = False
    except DemoFailure as failure:
        print(f"\nThe demo failed: {failure}", flush=True)
    finally:
        if failed or options.keep:
            print(f"What it left, logs included, is in {folder}")
        else:
            shutil.rmtree(folder)
    return int(failed)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; end the process if they are wrong."""
    parser = argparse.ArgumentParser(
        prog="demo.sh",
        description="See the add-on work: against stand-ins for Splunk and a Management Center, or with --fmc and "
        "--pkcs12 against a real Management Center. With SPLUNK_HOME set to a Splunk it says how to install it there.",
    )
    parser.add_argument("--fmc", metavar="HOST", help="a real Management Center")
    parser.add_argument("--pkcs12", metavar="FILE", type=Path, help="the PKCS#12 file of this client, from the FMC")
    parser.add_argument("--port", default="8302", help="port of its eStreamer service (8302)")
    parser.add_argument(
        "--password-env", metavar="NAME", help="variable with the file's password; else it is asked for"
    )
    parser.add_argument("--legacy", action="store_true", help="accept old signatures and key sizes")
    parser.add_argument("--start-from", default="now", help="now, oldest, or a time such as 2026-05-31T14:00:00Z (now)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    options = parser.parse_args(arguments)
    if bool(options.fmc) != bool(options.pkcs12):
        parser.error("--fmc and --pkcs12 belong together")
    return options


def show_stand_ins(folder: Path) -> None:
    """Receive events from a stand-in, cause faults, and count the events."""
    steps = Steps()
    generator = VariedGenerator(seed=int(time.time()), start=int(time.time()) - 600, per_second=20)
    archive = Archive(generator.events(0, EVENTS // 2))
    cut = Fault("rst", where="payload", after_events=500, connections=(1,))
    server = FmcServer(archive, behaviour=Behaviour(style="mixed", bundle_size=50, faults=(cut,)))
    with server, Splunkd(folder, keep="events") as splunkd:
        steps.say(f"A Management Center is served by a stand-in on port {server.port}, with {len(archive)} events")
        set_up(
            steps, splunkd, account_form(server.address, str(server.port), server.pkcs12(password=PASSWORD)), "oldest"
        )
        steps.say("The input is created; Splunk starts it")
        begun = time.monotonic()
        splunkd.start()
        wait_for(splunkd, EVENTS // 2)
        took = time.monotonic() - begun
        steps.say(
            f"{splunkd.count()} events have come, {splunkd.count() / took:.0f} a second with start and reconnection;"
        )
        print("               the connection was reset once in the middle of an event, and made again")
        show_first_of_each_kind(splunkd.events())
        switch(splunkd, on=False)
        splunkd.wait_for_end()
        archive.extend(generator.events(EVENTS // 2, EVENTS // 4))
        steps.say(f"The input is stopped; {EVENTS // 4} events happen meanwhile")
        switch(splunkd, on=True)
        wait_for(splunkd, EVENTS * 3 // 4)
        steps.say("The input is started again, and has them all")
        archive.extend(generator.events(EVENTS * 3 // 4, EVENTS // 4))
        server.restart()
        wait_for(splunkd, EVENTS)
        steps.say(f"The Management Center was restarted while {EVENTS // 4} more events came")
        switch(splunkd, on=False)
        splunkd.wait_for_end(2)
        report(steps, archive, splunkd.events())


def report(steps: Steps, archive: Archive, events: Sequence[Event]) -> None:
    """Compare the events that arrived with those that happened. Raises DemoFailure if they differ."""
    happened = Counter(record.payload.decode() for record in archive.since(0))
    came = Counter(event.data for event in events)
    lost, doubled = sum((happened - came).values()), sum((came - happened).values())
    steps.say("All is compared:")
    kinds = Counter(kind_of(event) for event in events)
    for kind, count in sorted(kinds.items()):
        print(f"      {kind:<18}{count:>8}")
    print(f"      {'in all':<18}{len(events):>8}   happened {sum(happened.values())}, lost {lost}, doubled {doubled}")
    if lost or doubled:
        raise DemoFailure(f"{lost} events were lost and {doubled} doubled.")


def show_real(options: argparse.Namespace, folder: Path) -> None:
    """Receive events from a real Management Center until Ctrl-C."""
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda number, frame: interrupted.set())
    steps = Steps()
    form = real_account_form(options)
    check_account(steps, form)
    with Splunkd(folder, keep="events") as splunkd:
        set_up(steps, splunkd, form, options.start_from)
        splunkd.start()
        steps.say("The input runs; press Ctrl-C to end")
        shown = follow(splunkd, interrupted)
        splunkd.stop()
        steps.say(f"Stopped after {len(splunkd.events())} events")
        for kind, count in sorted(Counter(kind_of(event) for event in splunkd.events()).items()):
            print(f"      {kind:<18}{count:>8}")
        if not shown:
            print("      No event came. Are the event types ticked on the FMC (System > Integration > eStreamer)?")


def follow(splunkd: Splunkd, interrupted: threading.Event) -> int:
    """Print events and changes of the connection as they arrive, until Ctrl-C; return the number of events."""
    shown, read = 0, 0
    while not interrupted.wait(0.2):
        lines = log_text(splunkd).splitlines()
        for line in lines[read:]:
            told = line.partition(" | ")[2]
            if "action=figures" not in told:
                print(f"      {told}", flush=True)
        read = len(lines)
        events = splunkd.events()
        for event in events[shown:]:
            print(clipped(f"      {event.time} {event.data}"), flush=True)
        shown = len(events)
    return shown


def real_account_form(options: argparse.Namespace) -> dict[str, str]:
    """Return the account of a real Management Center, with its password from the environment or from the terminal."""
    try:
        data = options.pkcs12.read_bytes()
    except OSError as error:
        raise DemoFailure(f"{options.pkcs12} cannot be read: {error.strerror}.") from None
    if options.password_env is not None:
        if options.password_env not in os.environ:
            raise DemoFailure(f"There is no environment variable {options.password_env}.")
        password = os.environ[options.password_env]
    else:
        password = asked_password(options.pkcs12)
    form = account_form(options.fmc, options.port, data)
    return {**form, "pkcs12_password": password, "legacy_certificates": str(int(options.legacy))}


def asked_password(file: Path) -> str:
    """Return the password that the person types. Raises DemoFailure without a terminal."""
    try:
        return getpass.getpass(f"Password of {file} (empty for none): ")
    except EOFError:
        raise DemoFailure(
            "There is no terminal to ask for the password of the file: put it into an environment variable, and name "
            "that with --password-env."
        ) from None


def check_account(steps: Steps, form: dict[str, str]) -> None:
    """Run and print each step of the connection check once. Raises DemoFailure at the first failure."""
    try:
        taken = check.run(parse_account("demo", form), say=lambda step: steps.say(f"{step.name}: {step.text}"))
    except Problem as problem:
        raise DemoFailure(problem.text) from None
    if not taken[-1].ok:
        raise DemoFailure("the connection check did not succeed; the last line says what to do.")


def account_form(host: str, port: str, pkcs12: bytes) -> dict[str, str]:
    """Return the values that the account form sends."""
    encoded = base64.b64encode(pkcs12).decode()
    return {"name": "demo", "host": host, "port": port, "pkcs12": encoded, "pkcs12_password": PASSWORD}


def set_up(steps: Steps, splunkd: Splunkd, account: dict[str, str], start_from: str) -> None:
    """Install the package, and create the account and the input."""
    install(steps, splunkd)
    create(splunkd, "account", ACCOUNT, account)
    steps.say("The account is created through the add-on's REST endpoint; its secrets are in storage/passwords")
    given = {"name": "demo", "account": "demo", "index": "main", "start_from": start_from}
    create(splunkd, "input", INPUT, given)


def install(steps: Steps, splunkd: Splunkd) -> None:
    """Install the package in the stand-in for Splunk."""
    package = Path(os.environ["ESTREAMER_SPL"])
    splunkd.install(package)
    steps.say(f"{package.name} is installed in a stand-in for Splunk")


def create(splunkd: Splunkd, what: str, endpoint: str, form: dict[str, str]) -> None:
    """Create an account or an input. Raises DemoFailure with the answer of the add-on."""
    answer = splunkd.request("POST", endpoint, form)
    if answer.status != 201:
        raise DemoFailure(f"the {what} was refused: {answer.message}")


def switch(splunkd: Splunkd, on: bool) -> None:
    """Enable or disable the input."""
    answer = splunkd.request("POST", f"{INPUT}/demo", {"disabled": "0" if on else "1"})
    if answer.status != 200:
        raise DemoFailure(f"the input could not be switched: {answer.message}")


def wait_for(splunkd: Splunkd, count: int) -> None:
    """Wait until this number of events has arrived. Raises DemoFailure with the last line of the input's log."""
    try:
        splunkd.wait_for(count, timeout=60)
    except TimeoutError:
        last = "\n".join(log_text(splunkd).splitlines()[-5:])
        raise DemoFailure(f"{splunkd.count()} of {count} events came within 60 s. The log ends:\n{last}") from None


def show_first_of_each_kind(events: Sequence[Event]) -> None:
    """Print the first event of each kind, cut to the width of the terminal."""
    seen = set()
    for event in events:
        kind = kind_of(event)
        if kind not in seen:
            seen.add(kind)
            print(clipped(f"      {event.time} {event.sourcetype} {event.data}"))


def clipped(line: str) -> str:
    """Return a line cut to the width of the terminal."""
    width = shutil.get_terminal_size((120, 25)).columns
    return line if len(line) <= width else line[: width - 1] + "…"


def kind_of(event: Event) -> str:
    """Return the event type of an event."""
    try:
        return str(json.loads(event.data).get("EventType", "(none)"))
    except (ValueError, AttributeError):
        return "(not JSON)"


def log_text(splunkd: Splunkd) -> str:
    """Return the text that the input has logged."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(splunkd.home.logs.glob("*estreamer_fqe*.log")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

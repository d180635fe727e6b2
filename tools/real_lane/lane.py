"""The order of the steps, their messages, and the cleaning up, which follows whatever happens."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from environment import StepFailure

from standins.fmc.archive import Archive
from standins.fmc.server import FmcServer

from . import inputs, install, official, panels, streaming
from .client import Management
from .official import Official
from .panels import Ran
from .report import FAILED, NOT_RUN, PASSED, SKIPPED, STOPPED, Outcome, hidden
from .searches import Searches
from .settings import Settings, Skip
from .undo import Undo

Say = Callable[[str], None]


@dataclass
class Lane:
    """What the steps share. `say` shows a line to the person at the terminal."""

    settings: Settings
    say: Say
    official: Official = field(default_factory=Official)
    undo: Undo = field(default_factory=Undo)
    splunk: dict[str, Any] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    file_password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)

    def __post_init__(self) -> None:
        name = f"lane_{secrets.token_hex(4)}"
        self.names = inputs.Names(name, self.settings.index or f"estreamer_{name}")
        self.management = Management(self.settings)
        self.searches = Searches(self.management, self.settings.search_seconds, self.settings.pause)
        self.fmc: FmcServer[Archive] = streaming.make_fmc(self.settings.fmc_address, self.settings.events)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text of the lane may show."""
        return (*self.settings.secrets, self.file_password)


def connect(lane: Lane) -> str:
    """Log in, and say what Splunk it is."""
    lane.management.log_in()
    info = lane.management.content("/server/info")
    lane.splunk = {name: info.get(name) for name in ("version", "build", "os_name", "cpu_arch", "product_type")}
    return f"Splunk {info.get('version')} at {lane.settings.address}"


def install_package(lane: Lane) -> str:
    """Install the package."""
    version = install.install(lane.management, lane.settings.package_there)
    return f"version {version} is installed, and stays"


def restart(lane: Lane) -> str:
    """Restart Splunk, and wait for it and for the add-on."""
    settings = lane.settings
    install.restart(lane.management, settings.restart_seconds, settings.pause)
    install.wait_for_endpoints(lane.management, settings.restart_seconds, settings.pause)
    return "Splunk is back, and the add-on's endpoints answer"


def make_account(lane: Lane) -> str:
    """Start the stand-in for a Management Center, and make an account for it."""
    lane.undo.note("End the stand-in for a Management Center", lane.fmc.stop)
    try:
        lane.fmc.start()
    except OSError as error:
        raise StepFailure(f"{lane.fmc.address} is not an address of this machine to listen at: {error}") from None
    file = lane.fmc.pkcs12(password=lane.file_password)
    inputs.make_account(
        lane.management, lane.undo, lane.names.name, lane.fmc.address, lane.fmc.port, file, lane.file_password
    )
    return f"account {lane.names.name}; its connection check passed"


def make_index(lane: Lane) -> str:
    """Make an index, or look whether the one that was named is there."""
    name, settings = lane.names.index, lane.settings
    if settings.index is not None:
        inputs.check_index(lane.management, name)
        return f"index {name}, where the events stay"
    inputs.make_index(lane.management, lane.undo, name, settings.keep_index, settings.pause)
    return f"index {name}, which {'stays' if settings.keep_index else 'is removed in the end'}"


def make_input(lane: Lane) -> str:
    """Make the input, which Splunk starts."""
    inputs.make_input(lane.management, lane.undo, lane.names)
    return f"input {lane.names.name}"


def stream(lane: Lane) -> str:
    """Wait for the events, and compare them with what was sent."""
    settings = lane.settings
    streaming.wait_for(lane.searches, lane.names, settings.events, settings.stream_seconds, settings.pause)
    return streaming.check(lane.fmc, streaming.read(lane.searches, lane.names, settings.events))


def check_setup(lane: Lane) -> str:
    """Run the dashboard Setup check, and look at what it says."""
    types = {str(json.loads(one)["EventType"]) for one in streaming.sent(lane.fmc)}
    ran, wrong = panels.setup_check(lane.searches, types)
    for sentence in wrong:
        lane.say(f"  {sentence}")
    if wrong:
        raise StepFailure(f"It finds {len(wrong)} things wrong; the first: {wrong[0]}")
    return f"{len(ran)} searches find nothing wrong with {len(types)} event types"


def open_dashboards(lane: Lane) -> str:
    """Run every search of every dashboard."""
    values = {"address": str(streaming.example(lane.fmc, "InitiatorIP"))}
    for one in panels.open_all(lane.searches, values):
        lane.ran.append(one)
        lane.say(f"  {one.told()}")
    bad = [one for one in lane.ran if one.done.problem]
    if bad:
        raise StepFailure(f"{len(bad)} of {len(lane.ran)} searches failed; the first: {bad[0].told()}")
    waiting = sum(1 for one in lane.ran if one.waits)
    return f"{len(lane.ran) - waiting} searches are done without an error, {waiting} wait for a token"


def official_tests(lane: Lane) -> str:
    """Run Splunk's own tests of add-ons."""
    return official.run(lane.settings, lane.settings.package_there, lane.official)


@dataclass(frozen=True)
class LaneStep:
    """A step. After an `essential` one that has not passed, no other is taken."""

    name: str
    take: Callable[[Lane], str]
    essential: bool = True


STEPS = (
    LaneStep("connect", connect),
    LaneStep("install", install_package),
    LaneStep("restart", restart),
    LaneStep("account", make_account),
    LaneStep("index", make_index),
    LaneStep("input", make_input),
    LaneStep("stream", stream, essential=False),
    LaneStep("setup check", check_setup, essential=False),
    LaneStep("dashboards", open_dashboards, essential=False),
    LaneStep("official tests", official_tests, essential=False),
)
CLEAN_UP = "clean up"


def run(lane: Lane, steps: Sequence[LaneStep] = STEPS) -> list[Outcome]:
    """Take the steps, and clean up whatever becomes of them; return how each ended."""
    outcomes: list[Outcome] = []
    over = False
    try:
        for step in steps:
            if over:
                outcomes.append(Outcome(step.name, NOT_RUN, 0.0, ""))
                continue
            outcomes.append(take(lane, step))
            result = outcomes[-1].result
            over = result == STOPPED or (step.essential and result != PASSED)
    except KeyboardInterrupt:
        outcomes.append(Outcome("lane", STOPPED, 0.0, "the lane was asked to stop between two steps"))
    finally:
        with undisturbed():
            outcomes.append(clean_up(lane))
    return outcomes


def take(lane: Lane, step: LaneStep) -> Outcome:
    """Take a step."""
    begun = time.monotonic()
    try:
        lane.say(f"{step.name} …")
        result, text = PASSED, step.take(lane)
    except Skip as skip:
        result, text = SKIPPED, str(skip)
    except StepFailure as failure:
        result, text = FAILED, str(failure)
    except KeyboardInterrupt:
        result, text = STOPPED, "the lane was asked to stop"
    except Exception as error:
        # A fault of the lane itself: the changes are to be undone, and the fault to be found.
        result, text = FAILED, f"the lane broke: {type(error).__name__}: {error}"
        lane.say(traceback.format_exc())
    outcome = Outcome(step.name, result, time.monotonic() - begun, hidden(text, lane.secrets))
    lane.say(f"{step.name}: {result}: {outcome.text}")
    return outcome


def clean_up(lane: Lane) -> Outcome:
    """Undo what was changed; what cannot be undone is said."""
    lane.say(f"{CLEAN_UP} …")
    begun = time.monotonic()
    left = [hidden(one, lane.secrets) for one in lane.undo.run()]
    for sentence in left:
        lane.say(f"  {sentence}")
    text = " ".join(left) or "what the lane made is removed, and what it was to leave is left"
    outcome = Outcome(CLEAN_UP, FAILED if left else PASSED, time.monotonic() - begun, text)
    lane.say(f"{CLEAN_UP}: {outcome.result}")
    return outcome


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let no further Ctrl-C and no SIGTERM end what is done within."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

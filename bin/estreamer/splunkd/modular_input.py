"""The modular input as splunkd starts it: its scheme, the check of its arguments, and a run until it is asked to stop.

The libraries are imported where they are used: splunkd asks every input for its scheme at each start, and that must be
quick.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import BinaryIO

from .. import printable
from ..errors import Problem, SessionRefused
from .confs import Confs
from .documents import Task, read_arguments, read_task
from .log_file import SplunkLog, complain


def main(arguments: Sequence[str], stdin: BinaryIO) -> int:
    """Do what splunkd asks for: `--scheme`, `--validate-arguments`, or without argument run; return the exit code."""
    if list(arguments) == ["--scheme"]:
        _answer(scheme())
        return 0
    if list(arguments) == ["--validate-arguments"]:
        return validate_arguments(stdin)
    if arguments:
        return complain(f"Unknown arguments {' '.join(arguments)}: use --scheme, --validate-arguments, or none.", 2)
    return run(stdin)


def scheme() -> str:
    """Return the scheme of the input as XML. tools/parameters.py writes it: the table itself takes long to import."""
    with open(os.path.join(os.path.dirname(__file__), "scheme.xml"), encoding="utf-8") as file:
        return file.read()


def validate_arguments(stdin: BinaryIO) -> int:
    """Check the arguments of an input that is about to be saved; return the exit code, 0 when they are right."""
    try:
        _validate(stdin)
    except Problem as problem:
        _answer(f"<error><message>{printable.as_xml(problem.text)}</message></error>\n")
        return 1
    except Exception as error:  # the user would see nothing but that the script failed
        _answer(f"<error><message>The arguments cannot be checked: {type(error).__name__}.</message></error>\n")
        return complain(f"Unexpected {type(error).__name__} in --validate-arguments: {traceback.format_exc()}")
    return 0


def _validate(stdin: BinaryIO) -> None:
    from ..settings import parse_input  # noqa: PLC0415 - see the head of the module

    parse_input(*read_arguments(stdin))


def run(stdin: BinaryIO) -> int:
    """Run the input that stdin describes until it is asked to stop; return the exit code."""
    stream_descriptor = _keep_stdout_for_the_stream()
    _quieten_libraries()
    try:
        task = read_task(stdin)
        log = SplunkLog(task.stanza)
    except Problem as problem:
        return complain(f"{problem.text} (code={problem.code})")
    except Exception as error:  # without a log file that could hold it
        return complain(f"Unexpected {type(error).__name__}: {traceback.format_exc()}")
    try:
        return _run(task, log, stream_descriptor)
    except Problem as problem:
        log.error("input_cannot_run", code=problem.code, problem=problem.text)
        return complain(f"{problem.text} (code={problem.code}, input={task.stanza})")
    except SessionRefused:
        text = "splunkd no longer accepts the session key of this input. It ends, and Splunk starts it with a new one."
        log.error("input_cannot_run", code="session_refused", problem=text)
        return complain(f"{text} (code=session_refused, input={task.stanza})")
    except Exception as error:  # nothing may end without a trace
        log.error("unexpected_error", error=type(error).__name__, traceback=traceback.format_exc())
        return complain(f"Unexpected {type(error).__name__} in input {task.stanza}: see its log file.")


def _run(task: Task, log: SplunkLog, stream_descriptor: int) -> int:
    from ..connection.waiting import Waiting  # noqa: PLC0415
    from ..errors import Stop  # noqa: PLC0415
    from ..input import loop  # noqa: PLC0415 - see the head of the module
    from ..outputs.splunkd_pipe import Splunkd  # noqa: PLC0415
    from ..settings import parse_input  # noqa: PLC0415

    confs = Confs(task.server_uri, task.session_key)
    try:
        # splunkd may be slow to answer, or not answer at all while it stops.
        with Waiting() as waiting:
            log.set_level(waiting.call(confs.log_level))
        waiting.check()
    except Stop as stop:
        log.info("stopped", reason=str(stop))
        return 0
    settings = parse_input(task.name, task.parameters)
    log.describe(settings.index or "default")
    splunkd = Splunkd(stream_descriptor, task.stanza, settings.index, settings.settle)
    return loop.run(settings, confs.account, log, task.checkpoint_dir, task.stanza, splunkd)


def _keep_stdout_for_the_stream() -> int:
    """Return a descriptor of the pipe to splunkd, and let everything that prints by accident go to stderr."""
    sys.stdout.flush()
    stream_descriptor = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream_descriptor


def _quieten_libraries() -> None:
    """Keep what libraries log and warn of from stderr, where splunkd takes each line of it for an error."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.captureWarnings(True)
    # A full disk under the log file must not fill splunkd's log with tracebacks.
    logging.raiseExceptions = False


def _answer(text: str) -> None:
    """Write to splunkd on stdout."""
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()

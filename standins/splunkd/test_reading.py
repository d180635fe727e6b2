"""How the stand-in runs inputs, reads from them, and fails them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Callable
from xml.etree import ElementTree

import pytest

from standins.places import ROOT
from standins.splunkd import BrokenRule, Splunkd, StandInError, digest, number

STANZA = "example://one"
PRELUDE = """
import os, select, signal, sys, time
document = sys.stdin.read()

def say(data, when=1):
    text = f"<event><time>{when}</time><data>{data}</data></event>"
    os.write(1, text.encode())

def wait_forever():
    while True:
        signal.pause()

os.write(1, b"<stream>")
"""
WAIT = "say('ready')\nwait_forever()\n"

Start = Callable[..., Splunkd]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def starter(code: str, *, prelude: str = PRELUDE, **options: object) -> Splunkd:
        script = tmp_path / "example.py"
        script.write_text(prelude + code)
        splunkd = Splunkd(tmp_path / "home", **options)  # type: ignore[arg-type]
        splunkd.add_script_input(STANZA, [sys.executable, str(script)], params={"index": "main", "a": "<&>"})
        splunkd.start()
        return splunkd

    return starter


def test_input_gets_its_document_then_end_of_file(start: Start) -> None:
    code = "import xml.sax.saxutils as s\nsay(s.escape(document))\n"
    with start(code) as splunkd:
        splunkd.wait_for(1)
        root = ElementTree.fromstring(  # noqa: S314 - the stand-in wrote it
            splunkd.events()[0].data
        )
        assert root.tag == "input"
        assert [child.tag for child in root] == [
            "server_host",
            "server_uri",
            "session_key",
            "checkpoint_dir",
            "configuration",
        ]
        checkpoints = root.findtext("checkpoint_dir")
        assert checkpoints == str(splunkd.home.database / "modinputs" / "example")
        assert Path(checkpoints).is_dir()
        stanza = root.find("configuration/stanza")
        assert stanza is not None
        assert stanza.attrib == {"name": STANZA, "app": "search"}
        params = {param.get("name"): param.text for param in stanza}
        assert params == {"index": "main", "a": "<&>"}


def test_input_sees_splunkds_environment_and_nothing_of_the_test_runners(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_TEST_RUNNER", "1")
    code = "import json\nsay(json.dumps([dict(os.environ), os.getcwd(), os.getppid()]))\n"
    with start(code) as splunkd:
        splunkd.wait_for(1)
        environment, folder, parent = json.loads(splunkd.events()[0].data)
        assert folder == "/"
        assert parent == splunkd.pid != os.getpid()
        assert environment["SPLUNK_HOME"] == str(splunkd.home.path)
        assert "OF_THE_TEST_RUNNER" not in environment
        assert "PYTHONPATH" not in environment


def test_splunks_python_has_the_splunk_package_and_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(
        PRELUDE + "import importlib.util as u\n"
        "from splunk.clilib.bundle_paths import make_splunkhome_path\n"
        "found = [n for n in ('splunk', 'pytest', 'solnlib') if u.find_spec(n)]\n"
        'say(f\'{found} {make_splunkhome_path(["var", "log"])}\')\n'
    )
    with Splunkd(tmp_path / "home") as splunkd:
        splunkd.add_script_input(STANZA, [str(splunkd.home.python), str(script)])
        splunkd.start()
        splunkd.wait_for(1)
        assert splunkd.events()[0].data == f"['splunk'] {splunkd.home.path}/var/log"


def test_breaking_the_stream_fails_the_wait_and_the_test(start: Start) -> None:
    splunkd = start("say('good')\nos.write(1, b'<event><time>1</time><data>\\x01')\nwait_forever()\n")
    with splunkd:
        with pytest.raises(BrokenRule, match="not well-formed"):
            splunkd.wait_for(2)
        assert [event.data for event in splunkd.events()] == ["good"]
        with pytest.raises(BrokenRule, match="stdout"):
            splunkd.check()
        assert [violation.stanza for violation in splunkd.take_violations()] == [STANZA]


def test_what_came_before_a_violation_is_told_before_it_also_when_both_come_in_one_read(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text("import os\nos.write(1, b'<stream><event><time>1</time><data>good</data></event></nonsense>')\n")
    order = {"stanza": STANZA, "command": [sys.executable, str(script)], "environment": {}, "stdin": ""}
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "standins.splunkd", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT) as reader, theirs, ours:
        journal = str(tmp_path / "journal")
        ours.sendall(json.dumps({"id": 1, "do": "start", "input": {**order, "journal": journal}}).encode() + b"\n")
        said: list[str] = []
        with ours.makefile() as lines:
            while "violation" not in said:
                said.append(json.loads(lines.readline()).get("say", "answer"))
            ours.sendall(b'{"id": 2, "do": "quit"}\n')
        assert reader.wait() == 0
    assert said.index("journal") < said.index("violation")


def test_leaving_the_context_raises_what_no_test_took(start: Start) -> None:
    splunkd = start("os.write(1, b'</nonsense>')\n")
    with pytest.raises(BrokenRule, match="not well-formed"), splunkd:
        splunkd.wait_for_end(strict=False)


def test_wait_for_says_what_there_was_instead(start: Start) -> None:
    with start("say('one')\nsys.stderr.write('INFO only one\\n')\nsys.stderr.flush()\nwait_forever()\n") as splunkd:
        splunkd.wait_for_log("only one")
        splunkd.wait_for(1)
        with pytest.raises(TimeoutError, match="INFO only one"):
            splunkd.wait_for(2, timeout=0.1)


def test_stderr_has_the_level_of_its_prefix_and_error_without_one(start: Start) -> None:
    code = "os.write(2, b'WARN careful\\nINFO  spaced\\nbare\\nERRORS many\\nDEBUG last')\n"
    with start(code) as splunkd:
        splunkd.wait_for_end()
        assert [(line.level, line.text) for line in splunkd.log_lines()] == [
            ("WARN", "careful"),
            ("INFO", " spaced"),
            ("ERROR", "bare"),
            ("ERROR", "ERRORS many"),
            ("DEBUG", "last"),
        ]


def test_input_is_started_again_after_its_interval(start: Start) -> None:
    with start("say(os.getpid())\n", restart_after=0.3) as splunkd:
        splunkd.wait_for_end(runs=2)
        first, second = splunkd.runs()[:2]
        assert first.pid != second.pid
        assert first.exited is not None
        assert 0.3 <= second.started - first.exited < 2
        assert [event.data for event in splunkd.events()][:2] == [str(first.pid), str(second.pid)]


def test_input_is_not_started_again_without_an_interval(start: Start) -> None:
    with start("say(1)\nsys.exit(3)\n") as splunkd:
        run = splunkd.wait_for_end()
        assert run.code == 3
        assert splunkd.input_pid() is None
        with pytest.raises(TimeoutError):
            splunkd.wait_for_input(timeout=0.2, not_pid=run.pid)


def test_run_says_how_its_stream_ended(start: Start) -> None:
    with start("say(1)\nos.write(1, b'</stream>')\n") as splunkd:
        run = splunkd.wait_for_end()
        assert (run.events, run.whole, run.cut, run.code) == (1, True, False, 0)


def test_event_cut_by_a_kill_is_dropped_and_noted(start: Start) -> None:
    code = (
        "say('whole')\nos.write(1, b'<event><time>1</time><data>half')\nos.write(2, b'INFO half\\n')\nwait_forever()\n"
    )
    with start(code) as splunkd:
        splunkd.wait_for_log("half")
        splunkd.signal_input(signal.SIGKILL)
        run = splunkd.wait_for_end()
        assert (run.events, run.cut, run.code) == (1, True, -signal.SIGKILL)
        assert [event.data for event in splunkd.events()] == ["whole"]


def test_stalled_reader_leaves_the_pipe_full_until_it_resumes(start: Start) -> None:
    code = """
say('ready')
sys.stderr.write('INFO go\\n'); sys.stderr.flush()
while not os.path.exists(os.environ['SPLUNK_HOME'] + '/go'):
    time.sleep(0.01)
os.set_blocking(1, False)
written = 0
while select.select([], [1], [], 0.2)[1]:
    try:
        say('x' * 1000)
        written += 1
    except BlockingIOError:
        break
sys.stderr.write(f'INFO full after {written}\\n'); sys.stderr.flush()
os.set_blocking(1, True)
say('last')
wait_forever()
"""
    with start(code) as splunkd:
        splunkd.wait_for(1)
        splunkd.stall()
        (splunkd.home.path / "go").touch()
        written = int(splunkd.wait_for_log("full after").text.split()[-1])
        assert 30 <= written < 70
        assert splunkd.count() == 1
        splunkd.resume()
        splunkd.wait_for(written + 2)
        assert splunkd.events()[-1].data == "last"


WRITE_ON_GO = """
say('ready')
while not os.path.exists(os.environ['SPLUNK_HOME'] + '/go'):
    time.sleep(0.01)
os.write(1, b''.join(b'<event><time>1</time><data>%d</data></event>' % n for n in range(50)))
sys.stderr.write('INFO written\\n'); sys.stderr.flush()
wait_forever()
"""


@pytest.mark.parametrize("dribbles", [True, False])
def test_dribbling_reader_takes_single_bytes_and_reads_every_event(start: Start, dribbles: bool) -> None:
    with start(WRITE_ON_GO) as splunkd:
        splunkd.wait_for(1)
        splunkd.stall()
        splunkd.dribble(dribbles)
        (splunkd.home.path / "go").touch()
        splunkd.wait_for_log("written")
        splunkd.resume()
        splunkd.wait_for(51)
        events = splunkd.events()[1:]
        assert [event.data for event in events] == [str(n) for n in range(50)]
        # What a read has brought is received at one moment.
        assert len({event.received for event in events}) == (50 if dribbles else 1)


def test_input_gets_a_broken_pipe_when_the_reader_hangs_up(start: Start) -> None:
    code = """
say('ready')
try:
    while True:
        say('more')
        time.sleep(0.01)
except BrokenPipeError:
    sys.stderr.write('INFO broken pipe\\n')
    sys.exit(7)
"""
    with start(code) as splunkd:
        splunkd.wait_for(1)
        splunkd.hang_up()
        run = splunkd.wait_for_end()
        assert run.code == 7
        assert splunkd.wait_for_log("broken pipe").level == "INFO"


def test_stop_sends_sigterm_and_says_how_long_it_took(start: Start) -> None:
    with start("signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n" + WAIT) as splunkd:
        splunkd.wait_for(1)
        times = splunkd.stop()
        assert list(times) == [STANZA]
        assert 0 <= times[STANZA] < 2
        assert splunkd.runs()[-1].code == 0
        assert not splunkd.running


def test_stop_reads_what_was_written_before_the_end(start: Start) -> None:
    code = "def leave(*_):\n    [say(n) for n in range(900)]\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, leave)\n"
    with start(code + WAIT) as splunkd:
        splunkd.wait_for(1)
        splunkd.stop()
        assert splunkd.count() == 901


def test_input_that_leaves_too_late_is_a_violation(start: Start) -> None:
    code = "def late(*_):\n    time.sleep(0.5)\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, late)\n"
    with start(code + WAIT, stop_limit=0.2) as splunkd:
        splunkd.wait_for(1)
        times = splunkd.stop()
        assert times[STANZA] > 0.4
        assert "after SIGTERM" in splunkd.take_violations()[0].text


def test_input_that_never_leaves_is_killed_and_a_violation(start: Start) -> None:
    with start("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT, stop_limit=0.1) as splunkd:
        splunkd.wait_for(1)
        splunkd.stop()
        assert splunkd.runs()[-1].code == -signal.SIGKILL
        assert "after SIGTERM" in splunkd.take_violations()[0].text


def test_stop_gives_up_a_stalled_pipe(start: Start) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\nsay('ready')\nwhile True:\n    say('more')\n"
    with start(code) as splunkd:
        splunkd.wait_for(1)
        splunkd.stall()
        times = splunkd.stop()
        assert times[STANZA] < 2
        assert splunkd.runs()[-1].cut
        assert splunkd.count() == len(splunkd.events())


def test_start_after_stop_is_another_splunkd_with_the_same_index(start: Start) -> None:
    with start(WAIT) as splunkd:
        splunkd.wait_for(1)
        first = splunkd.pid
        splunkd.stop()
        splunkd.start()
        splunkd.wait_for(2)
        assert splunkd.pid != first
        assert [event.data for event in splunkd.events()] == ["ready", "ready"]


NOTICE_DEATH = "parent = os.getppid()\nsay('ready')\nwhile os.getppid() == parent:\n    time.sleep(0.02)\n"


def test_death_changes_the_parent_without_a_word_to_the_input(start: Start) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(say('told')))\n" + NOTICE_DEATH
    with start(code) as splunkd:
        splunkd.wait_for(1)
        splunkd.kill()
        splunkd.wait_for_orphans(5)
        assert [run.orphaned for run in splunkd.runs()] == [True]
        splunkd.start()
        splunkd.wait_for(2)
        assert [event.data for event in splunkd.events()] == ["ready", "ready"]
        splunkd.stop()
        assert [event.data for event in splunkd.events()] == ["ready", "ready", "told"]


def test_death_loses_what_was_received_last(start: Start) -> None:
    code = "say('old')\ntime.sleep(1)\nsay('young')\nsay('young')\n" + NOTICE_DEATH
    with start(code) as splunkd:
        splunkd.wait_for(4)
        assert splunkd.kill(lose_last_seconds=0.8) == 3
        assert [event.data for event in splunkd.events()] == ["old"]
        assert splunkd.count() == 1


def test_death_leaves_the_pipe_unread(start: Start) -> None:
    code = NOTICE_DEATH.replace("say('ready')", "say('ready')\n[say(n) for n in range(1000)]")
    with start(code, prelude="import time; time.sleep(0.3)" + PRELUDE) as splunkd:
        splunkd.stall()
        splunkd.signal_input(signal.SIGCONT)
        splunkd.kill()
        splunkd.wait_for_orphans()
        assert splunkd.count() == 0


def test_orphan_that_stays_is_killed_and_a_violation(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standins.splunkd.orphans.ORPHAN_LIMIT", 0.2)
    splunkd = start(WAIT)
    splunkd.wait_for(1)
    pid = splunkd.input_pid()
    splunkd.kill()
    splunkd.close()
    assert "after splunkd had died" in splunkd.take_violations()[0].text
    assert pid is not None
    assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()


def test_digests_stand_for_events_in_large_runs(start: Start) -> None:
    with start("[say(n) for n in range(100)]\n", keep="digests") as splunkd:
        splunkd.wait_for(100)
        assert splunkd.digests() == [digest(str(n)) for n in range(100)]
        with pytest.raises(StandInError, match="digests are kept"):
            splunkd.events()


def test_numbers_stand_for_events_in_runs_of_millions(start: Start) -> None:
    with start("[say(n) for n in range(100)]\n", keep="numbers") as splunkd:
        splunkd.wait_for(100)
        moments, numbers = splunkd.arrivals()
        assert list(numbers) == [number(str(n)) for n in range(100)]
        assert list(moments) == sorted(moments)
        assert len(moments) == 100
        with pytest.raises(StandInError, match="numbers are kept"):
            splunkd.events()


def test_numbers_that_die_with_splunkd_are_forgotten(start: Start) -> None:
    with start("say(1)\n", keep="numbers") as splunkd:
        splunkd.wait_for(1)
        assert splunkd.kill(lose_last_seconds=60) == 1
        assert [len(column) for column in splunkd.arrivals()] == [0, 0]


def test_two_inputs_are_kept_apart(start: Start, tmp_path: Path) -> None:
    with start("say('one')\nwait_forever()\n") as splunkd:
        other = tmp_path / "other.py"
        other.write_text(PRELUDE + "say('two')\nwait_forever()\n")
        splunkd.add_script_input("example://two", [sys.executable, str(other)])
        splunkd.wait_for(1, stanza=STANZA)
        splunkd.wait_for(1, stanza="example://two")
        assert [event.data for event in splunkd.events("example://two")] == ["two"]
        with pytest.raises(StandInError, match="which input"):
            splunkd.events()
        splunkd.remove_script_input("example://two")
        assert splunkd.wait_for_end(stanza="example://two").stop_took is not None
        assert splunkd.input_pid(STANZA) is not None


def test_broken_reader_fails_the_test_instead_of_letting_it_wait(start: Start) -> None:
    splunkd = start(NOTICE_DEATH)
    splunkd.wait_for(1)
    os.kill(splunkd.pid, signal.SIGKILL)
    with pytest.raises(BrokenRule, match="the stand-in is broken"):
        splunkd.wait_for(2)
    splunkd.kill()
    splunkd.close()


def test_places_of_a_text_are_found_wherever_it_is(start: Start) -> None:
    text = "to-be-found"
    code = (
        f"""
open(os.environ['SPLUNK_HOME'] + '/var/log/splunk/x.log', 'w').write('{text}')
sys.stderr.write('INFO {text}\\n'); sys.stderr.flush()
""".replace(text, "to-' + 'be-found")
        + WAIT
    )
    with start(code) as splunkd:
        splunkd.wait_for(1)
        waits = "import sys, time; print('INFO running', file=sys.stderr, flush=True); time.sleep(60)"
        running = [str(splunkd.home.python), "-c", waits]
        splunkd.add_script_input("example://two", running, environment={"X": text})
        splunkd.wait_for_log("running", stanza="example://two")
        places = splunkd.places_of(text)
        assert sorted(places) == sorted(
            [
                str(splunkd.home.logs / "x.log"),
                f"stderr of {STANZA}: INFO",
                "environ of example://two",
            ]
        )
        assert splunkd.places_of("nowhere-to-be-seen") == []


def test_inputs_are_taken_along_when_nobody_closes(start: Start) -> None:
    splunkd = start(WAIT)
    splunkd.wait_for(1)
    watched = os.pidfd_open(splunkd.input_pid() or 0)
    try:
        splunkd._inputs.life.quit()
        splunkd._inputs.forget_life()
        signal.pidfd_send_signal(watched, 0)
    except ProcessLookupError:
        gone = True
    else:
        gone = False
    finally:
        os.close(watched)
    assert gone

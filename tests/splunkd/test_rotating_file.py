"""Log files that go on in a next one: as the standard library's own handler, which they are compared with."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
from estreamer.splunkd import log_file
from estreamer.splunkd.rotating_file import RotatingFile
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st


class Standard(RotatingFileHandler):
    """The standard library's handler as later Pythons have it: others leave an empty file behind as a full one."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the library's name
        return bool(os.path.getsize(self.baseFilename)) and bool(super().shouldRollover(record))


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("name", logging.INFO, "file.py", 1, "%s", (text,), None)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30)),
    largest=st.integers(1, 60),
    kept=st.integers(1, 4),
)
def test_lines_are_where_the_standard_library_would_write_them(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], largest: int, kept: int
):
    ours, theirs = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("theirs")
    handlers: tuple[logging.FileHandler, logging.FileHandler] = (
        RotatingFile(str(ours / "x.log"), largest, kept),
        Standard(theirs / "x.log", maxBytes=largest, backupCount=kept, encoding="utf-8"),
    )
    for text in texts:
        for handler in handlers:
            handler.emit(record(text))
    for handler in handlers:
        handler.close()
    assert contents(ours) == contents(theirs)


def test_a_file_goes_on_where_an_earlier_process_has_ended(tmp_path: Path):
    for text in ("first", "second", "third"):
        handler = RotatingFile(str(tmp_path / "x.log"), 14, 2)
        handler.emit(record(text))
        handler.close()
    assert contents(tmp_path) == {"x.log": "third\n", "x.log.1": "first\nsecond\n"}


def test_a_file_that_cannot_be_renamed_takes_lines_again_once_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler = RotatingFile(str(tmp_path / "x.log"), 10, 1)
    handler.emit(record("12345678"))
    (tmp_path / "x.log.1").mkdir()
    handler.emit(record("lost"))
    (tmp_path / "x.log.1").rmdir()
    handler.emit(record("written"))
    handler.close()
    assert contents(tmp_path) == {"x.log": "written\n", "x.log.1": "12345678\n"}


def test_the_log_of_an_input_keeps_five_files_of_25_megabytes(log_folder: Path):
    path = log_folder / "ta_secure_firewall_estreamer_estreamer_fqe_main.log"
    path.touch()
    os.truncate(path, 25_000_000 - 10)
    log_file.SplunkLog("estreamer_fqe://main").info("started")
    assert {one.name for one in log_folder.iterdir()} == {path.name, f"{path.name}.1"}
    assert path.read_text(encoding="utf-8").count("\n") == 1
    assert log_file.FORMER_FILES == 5

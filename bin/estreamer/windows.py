"""The pipe to splunkd and its process on Windows, where a pipe can neither be polled nor asked for its fill.

The system is called by `ctypes`: `os.write` cannot be used, since a full pipe takes 0 bytes of a write that succeeds,
which Python before 3.12 reports as a full disk (ENOSPC, python/cpython#101881).
"""

from __future__ import annotations

import ctypes
import errno
from ctypes import wintypes
from typing import Any, Callable, NamedTuple

_NON_BLOCKING = 1
_QUERY_LIMITED_INFORMATION = 0x1000
_SYNCHRONIZE = 0x00100000
_SIGNALED = 0

_INVALID_PARAMETER = 87
"""What OpenProcess says of a number that no process has."""

_READER_GONE = frozenset((109, 232, 233))
"""ERROR_BROKEN_PIPE, ERROR_NO_DATA (the pipe is being closed), ERROR_PIPE_NOT_CONNECTED."""

_LARGEST_WRITE = 4096
"""A non-blocking pipe takes all of a write or nothing, and its buffer is one page."""


class System(NamedTuple):
    """What is called of Windows: its functions, the error of the last of them, its text, and handles of descriptors."""

    kernel32: Any
    last_error: Callable[[], int]
    describe: Callable[[int], str]
    handle_of: Callable[[int], int]


def windows() -> System:
    """Return the system itself."""
    import msvcrt  # noqa: PLC0415 - only Windows has it

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel32.OpenProcess.restype = wintypes.HANDLE
    return System(
        kernel32,
        ctypes.get_last_error,  # type: ignore[attr-defined,unused-ignore]
        ctypes.FormatError,  # type: ignore[attr-defined,unused-ignore]
        msvcrt.get_osfhandle,  # type: ignore[attr-defined,unused-ignore]
    )


class WindowsPipe:
    """The write end of an anonymous pipe, made non-blocking. A file or console is left as it is."""

    def __init__(self, descriptor: int, system: System | None = None) -> None:
        self._system = system or windows()
        self._handle = wintypes.HANDLE(self._system.handle_of(descriptor))
        mode = wintypes.DWORD(_NON_BLOCKING)
        self._system.kernel32.SetNamedPipeHandleState(self._handle, ctypes.byref(mode), None, None)

    def write(self, data: memoryview) -> int:
        """Write what the pipe takes; raise BlockingIOError when it is full, BrokenPipeError when its reader is gone.

        Raises OSError with the system's own text for anything else.
        """
        piece = bytes(data[:_LARGEST_WRITE])
        taken = wintypes.DWORD(0)
        size = wintypes.DWORD(len(piece))
        if not self._system.kernel32.WriteFile(self._handle, piece, size, ctypes.byref(taken), None):
            number = self._system.last_error()
            text = f"{self._system.describe(number)} (Windows error {number})"
            if number in _READER_GONE:
                raise BrokenPipeError(errno.EPIPE, text)
            raise OSError(errno.EIO, text)
        if not taken.value and piece:
            raise BlockingIOError(errno.EAGAIN, "the pipe is full")
        return int(taken.value)

    def unread(self) -> int:
        """Return 0: the write end cannot know."""
        return 0

    def knows_unread(self) -> bool:
        """Return False: the write end cannot know."""
        return False

    def broken(self) -> bool:
        """Return False: a broken pipe shows at the next write."""
        return False


class Process:
    """Another process, which can be asked whether it has ended. A later one with the same number is another one."""

    def __init__(self, number: int, system: System | None = None) -> None:
        self._system = system or windows()
        self._handle = self._system.kernel32.OpenProcess(_SYNCHRONIZE, False, number)
        self._gone = not self._handle and self._system.last_error() == _INVALID_PARAMETER

    def has_ended(self) -> bool:
        """Return whether the process has ended; False as well when the system does not let it be asked."""
        if self._handle and not self._gone:
            waited = self._system.kernel32.WaitForSingleObject(wintypes.HANDLE(self._handle), 0)
            self._gone = waited == _SIGNALED
        return self._gone


def start_time(process: int, system: System | None = None) -> str:
    """Return when a process started, in the system's ticks, or "-" when it cannot be asked."""
    kernel32 = (system or windows()).kernel32
    opened = kernel32.OpenProcess(_QUERY_LIMITED_INFORMATION, False, process)
    if not opened:
        return "-"
    handle = wintypes.HANDLE(opened)
    times = [wintypes.FILETIME() for _ in range(4)]
    found = kernel32.GetProcessTimes(handle, *[ctypes.byref(time) for time in times])
    kernel32.CloseHandle(handle)
    return f"{times[0].dwHighDateTime:x}{times[0].dwLowDateTime:08x}" if found else "-"

"""The pipe to splunkd and its process on Windows, where a pipe can neither be polled nor asked for its fill."""

from __future__ import annotations

import ctypes
import msvcrt
import os
from ctypes import wintypes

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
_NON_BLOCKING = wintypes.DWORD(1)
_QUERY_LIMITED_INFORMATION = 0x1000
_LARGEST_WRITE = 4096
"""A non-blocking pipe takes all of a write or nothing, and its buffer is one page."""


class WindowsPipe:
    """The write end of an anonymous pipe, made non-blocking. A file or console is left as it is."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))  # type: ignore[attr-defined,unused-ignore]
        _kernel32.SetNamedPipeHandleState(handle, ctypes.byref(_NON_BLOCKING), None, None)

    def write(self, data: memoryview) -> int:
        """Write what the pipe takes; raise BlockingIOError when it is full, OSError when its reader is gone."""
        taken = os.write(self._descriptor, data[:_LARGEST_WRITE])
        if taken == 0 and len(data):
            raise BlockingIOError
        return taken

    def unread(self) -> int:
        """Return 0: the write end cannot tell."""
        return 0

    def knows_unread(self) -> bool:
        """Return False: the write end cannot tell."""
        return False

    def broken(self) -> bool:
        """Return False: a broken pipe shows at the next write."""
        return False


def start_time(process: int) -> str:
    """Return when a process started, in the system's ticks, or "-" when it cannot be asked."""
    handle = _kernel32.OpenProcess(_QUERY_LIMITED_INFORMATION, False, process)
    if not handle:
        return "-"
    times = [wintypes.FILETIME() for _ in range(4)]
    found = _kernel32.GetProcessTimes(handle, *[ctypes.byref(time) for time in times])
    _kernel32.CloseHandle(handle)
    return f"{times[0].dwHighDateTime:x}{times[0].dwLowDateTime:08x}" if found else "-"

"""Where the bookmark of an input lies, and how it is deleted."""

from __future__ import annotations

import os
from urllib.parse import quote

from ..clock import CLOCK, Clock
from ..files import FILES, Files
from . import lock


def folder_of(checkpoint_dir: str, stanza: str) -> str:
    """Return the folder of the bookmark of `stanza` (`scheme://name`)."""
    return os.path.join(checkpoint_dir, quote(stanza, safe=""))


def remove(checkpoint_dir: str, stanza: str, patience: float = 5.0, files: Files = FILES, clock: Clock = CLOCK) -> None:
    """Delete the bookmark of an input, if there is one: it starts again from its `start_from`.

    An input that is being stopped is given `patience` seconds to let go of it. Raises `BookmarkLocked` when it
    does not, OSError when the disk refuses.
    """
    folder = folder_of(checkpoint_dir, stanza)
    if not files.is_folder(folder):
        return
    held = lock.patiently(lambda: lock.Lock(folder, files), patience, clock.sleep, clock)
    try:
        for name in files.names(folder):
            if name != lock.NAME:
                files.remove(os.path.join(folder, name))
    finally:
        held.release()
    files.remove_folder(folder)

"""What an error of the operating system means, and what to do about it: one sentence for each cause.

An error that is not listed has no advice: its own text is all that is known.
"""

from __future__ import annotations

import errno
import os

_USER = "for the user that runs Splunk"
_UNSUPPORTED = (
    "The file system does not support this operation, such as forcing data to the disk (fsync): use a local file system"
)
_TOO_MANY_FILES = "Too many files and connections are open: raise the limit of open files (ulimit -n)"

_BY_NAME = {
    "ENOSPC": "The disk is full: free space on it",
    "EDQUOT": f"The disk quota is used up: free space, or raise the quota {_USER}",
    "EROFS": "The file system is read-only: mount it for writing, and check the disk if the system made it read-only",
    "EIO": "The disk reports an error: check the disk, its connection and the log of the system",
    "EINVAL": _UNSUPPORTED,
    "ENOSYS": _UNSUPPORTED,
    "EOPNOTSUPP": _UNSUPPORTED,
    "ENOTSUP": _UNSUPPORTED,
    "EACCES": f"Make it readable and writable {_USER}, and check what SELinux or AppArmor denies",
    "EPERM": f"Make it readable and writable {_USER}, and check what SELinux or AppArmor denies",
    "ESTALE": "The NFS server has replaced the folder: mount it again, then disable and enable the input",
    "EFBIG": "The file has reached the largest size allowed: raise that limit (ulimit -f)",
    "EMFILE": _TOO_MANY_FILES,
    "ENFILE": _TOO_MANY_FILES,
    "ENOENT": "It does not exist: find out what deletes it, then disable and enable the input",
    "ENOTDIR": "A file has the name of a folder of the path: rename that file",
    "EISDIR": "A folder has the name of a file: rename that folder",
    "ELOOP": "Symbolic links lead in a circle: correct them",
    "ENAMETOOLONG": "The name is too long for this file system: choose a shorter name for the input",
    "ENODEV": "The disk was not found: connect it again",
    "ENXIO": "The disk was not found: connect it again",
    "ENOMEM": "This machine is out of memory: give it more, or end what uses too much",
    "ENOLCK": "The file system has no free locks: use a local file system, or start the lock service of NFS",
    "ETIMEDOUT": "The server of the file system does not answer: check it and the network",
    "EHOSTDOWN": "The server of the file system does not answer: check it and the network",
}
_FILE = {getattr(errno, name): text for name, text in _BY_NAME.items() if hasattr(errno, name)}

_IN_USE = frozenset((32, 33))
"""ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION of Windows, which Python reports as EACCES."""


def text(error: OSError) -> str:
    """Return the error's own text: the words of the system, and the name of the error."""
    said = error.strerror or (os.strerror(error.errno) if error.errno else str(error)) or type(error).__name__
    name = errno.errorcode.get(error.errno or 0)
    return f"{said} ({name})" if name else said


def of_file(error: OSError) -> str:
    """Return what to do about an error with a file or folder, as a sentence; an empty text when that is unknown."""
    if getattr(error, "winerror", None) in _IN_USE:
        return "Another program holds the file open, such as a backup or a virus scanner: exclude the folder from it."
    advice = _FILE.get(error.errno or 0)
    return f"{advice}." if advice else ""


def sentence(what: str, error: OSError, consequence: str = "") -> str:
    """Return what failed, the observed cause, the consequence if one is given, and what to do as far as it is known."""
    return " ".join(part for part in (f"{what}: {text(error)}.", consequence, of_file(error)) if part)

"""Make the libraries that ship with the add-on importable.

Every script in bin/ imports this first. The name is the one that generated code imports. Under a Python that is too
old, a sentence ends the script before anything else is imported. The portable libraries lie in lib/, the compiled ones
in a folder of lib/3rdparty for each platform.
"""

from __future__ import annotations

import supported_python  # noqa: F401 - ends the script under an older Python  # isort: skip

import os
import re
import sys
import sysconfig

# Paths as texts: pathlib takes a tenth of --scheme.
_BIN = os.path.dirname(os.path.realpath(__file__))
_LIB = os.path.join(os.path.dirname(_BIN), "lib")

_FOLDERS = {
    "linux-x86_64": "linux_x86_64",
    "linux-aarch64": "linux_aarch64",
    "win-amd64": "windows_x86_64",
}

_BIN_OF_AN_APP = re.compile(r"[\\/]etc[\\/]apps[\\/][^\\/]+[\\/]bin[\\/]?$")


def platform_folder(platform: str) -> str:
    """Return the folder of lib/3rdparty for a platform as sysconfig names it. Raises ImportError for others."""
    try:
        return _FOLDERS[platform]
    except KeyError:
        raise ImportError(
            f"This add-on ships no libraries for the platform {platform}. "
            f"It runs on {', '.join(sorted(_FOLDERS))}: install it on such a Splunk server."
        ) from None


def _search_path() -> list[str]:
    """Return sys.path with the add-on's libraries at its head and without the scripts of other apps."""
    own = [os.path.join(_LIB, "3rdparty", platform_folder(sysconfig.get_platform())), _LIB]
    rest = [entry for entry in sys.path if not _BIN_OF_AN_APP.search(entry) or os.path.realpath(entry) == _BIN]
    return own + [entry for entry in rest if entry not in own]


sys.path[:] = _search_path()

"""End a script that runs under an older Python than the add-on is written for, with a sentence on stderr.

`import_declare_test`, which every script in bin/ imports first, imports this module before anything else. Both of them,
and the scripts themselves, are written so that Python 3.7 can read them: the `python3` of Splunk before 9.3. splunkd
copies the sentence into its own log. README.md and docs/install.md say which versions of Splunk are supported.
"""

from __future__ import annotations

import sys

OLDEST = (3, 9)
"""The oldest Python that the add-on runs under; lib/requirements.txt is chosen for it."""


def complaint(version: tuple[int, ...]) -> str | None:
    """Return what is wrong with a version of Python, as in `sys.version_info`, and what to do; None for a good one."""
    if version[:2] >= OLDEST:
        return None
    shown = ".".join(str(part) for part in version[:3])
    return (
        "TA_secure_firewall_estreamer needs Splunk 9.3 or later, which has Python 3.9 or later, and was started with "
        f"Python {shown}. Update Splunk. If it is 9.3 or later: on the command line, use splunk cmd python3.9; "
        "elsewhere, remove python.version and python.required from the conf files in the add-on's folder local."
    )


def check() -> None:
    """Write the sentence to stderr and end the script with status 1 where its Python is too old."""
    text = complaint(tuple(sys.version_info[:3]))
    if text is not None:
        sys.stderr.write(f"ERROR {text}\n")
        raise SystemExit(1)


check()

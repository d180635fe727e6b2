"""Paths below SPLUNK_HOME."""

import os


def make_splunkhome_path(parts):
    """Return the absolute path of `parts` below SPLUNK_HOME. Raises ValueError if they lead out of it."""
    home = os.path.abspath(os.environ["SPLUNK_HOME"])
    path = os.path.abspath(os.path.join(home, *parts))
    if os.path.commonpath([home, path]) != home:
        raise ValueError(f"{path} is not below SPLUNK_HOME")
    return path

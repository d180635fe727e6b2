"""The little of Splunk's own Python package that an add-on's scripts import, written for the stand-in."""

import __main__


def getSessionKey():  # noqa: N802 - Splunk's name
    """Return the session key of the running handler, None outside of one."""
    return getattr(__main__, "___sessionKey", None)

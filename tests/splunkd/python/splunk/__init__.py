"""The little of Splunk's own Python package that an add-on's scripts import, written for the stand-in."""


def getSessionKey():  # noqa: N802 - Splunk's name
    """Return the session key of the running handler, None outside of one."""
    import __main__

    return getattr(__main__, "___sessionKey", None)

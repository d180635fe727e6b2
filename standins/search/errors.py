"""The error that the simulator raises instead of guessing."""

from __future__ import annotations


class KnowledgeError(Exception):
    """A conf file, a lookup table or an event asks for something that the simulator does not know or Splunk forbids.

    The text names the app, the file, the stanza and the setting.
    """

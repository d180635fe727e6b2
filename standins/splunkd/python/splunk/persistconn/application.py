"""The base class of persistent REST handlers."""


class PersistentServerConnectionApplication:
    """A handler that stays in memory between requests: splunkd hands each request to `handle` as JSON in bytes."""

    def handle(self, in_string):
        """Return the reply: a mapping of `status`, `headers`, and `payload` or `payload_base64`."""
        raise NotImplementedError

    def handleStream(self, handle, in_string):  # noqa: N802 - Splunk's name
        """Answer a request whose body arrives in a stream."""
        raise NotImplementedError

    def done(self):
        """Clean up before the process ends."""

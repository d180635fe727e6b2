"""An eStreamer client: from a Management Center's event stream to splunkd, each event once."""

"""The packets in events: found, decoded, dumped, and written to files."""

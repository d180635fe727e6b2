"""A stand-in for a Management Center: an eStreamer server that serves events, misbehaves on demand and is strict."""

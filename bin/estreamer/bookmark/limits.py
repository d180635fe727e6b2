"""How much of the bookmark is kept, and how far apart two Management Centers may be."""

from __future__ import annotations

GENERATION_SIZE = 1024 * 1024
"""Bytes after which a generation is continued in the next."""

HISTORY_SIZE = 2 * 1024 * 1024
"""Bytes of generations that are kept, and read, beyond need: some 200,000 events, in case the server's clock jumps
back."""

MOST_GENERATIONS = 64
"""Generations that are kept beyond need, however small."""

FAILOVER_MARGIN = 120
"""Seconds, beside `settle`, before the last archival timestamp of one Management Center from which on the other is
asked: how far the two clocks, and the arrival of one event at both, may lie apart."""

"""How much of the bookmark is kept, how far apart two Management Centers may be, and how far a clock is believed."""

from __future__ import annotations

GENERATION_SIZE = 1024 * 1024
"""Bytes after which a generation is continued in the next."""

LARGEST_GENERATION = 4 * 1024 * 1024
"""Bytes after which nothing is appended to a generation, where the next one cannot be begun: a disk without space for
one more file may still have space in the last one."""

HISTORY_SIZE = 2 * 1024 * 1024
"""Bytes of generations that are kept, and read, beyond need: some 200,000 events, in case the server's clock jumps
back."""

MOST_GENERATIONS = 64
"""Generations that are kept beyond need, however small."""

LARGEST_WEIGHT = 64 * 1024 * 1024
"""The most that is kept whatever may be needed, as `Generation.weight` counts: eight million events, 800,000 where each
has another archival second than the one before. Time stamps come from elsewhere: without this limit, one in the future
would keep every generation for ever."""

RUN_WEIGHT = 64
"""What a run of events of one archival second counts, in addition to its bytes: about what it takes in memory."""

FAILOVER_MARGIN = 120
"""Seconds, in addition to `settle`, before the last archival timestamp of one Management Center from which on the other
is asked: how far the two clocks, and the arrival of one event at both, may lie apart."""

CLOCK_TOLERANCE = 5
"""Seconds by which the clock of a Management Center may be ahead of this machine's and both still count as right."""

CLOCK_MARGIN = 120
"""Seconds before this machine's time from which on is asked when the Management Center's clock was further ahead: how
far this machine's own clock may be ahead of the time to which the other one is corrected."""

MOST_POSITIONS = 4096
"""Positions of events that have not settled that are kept in memory: one a second, in ordinary streams."""

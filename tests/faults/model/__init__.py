"""A world without threads, sockets or clocks, in which the real loop of an input runs through thousands of lives.

`world.World` plays one sequence of faults; `sequences` has the strategies by which Hypothesis draws them. Beside
them is what surrounds an input: `fmc` (Management Centers), `splunkd` (who reads the pipe, and forgets), `system` (what
the input asks of the operating system: files that a loss of power tears, a disk that fills up, a kill at any call).
"""

"""One input at work: the loop, what it does with events, and what it reports."""

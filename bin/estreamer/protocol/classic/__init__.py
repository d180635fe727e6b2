"""The classic, binary records of a Management Center: read by tables, written as JSON."""

"""Coverage-guided fuzzing of everything that reads what others wrote, and the corpus that it has led to.

`targets` holds a function for each thing, which takes bytes and raises when a property does not hold; `corpus` keeps
the inputs that reach something of their own, packed, one file for each target; `python -m bench.fuzz` is the
fuzzer. `tools/fuzz.sh` runs it; `tests/faults/test_corpus.py` replays the corpus without it.
"""

"""Coverage-guided fuzzing of all code that reads data of others, and the corpus of inputs that it has found.

`targets` has a function for each reader, which takes bytes and raises if a property does not hold; `corpus` keeps the
inputs that reach code of their own, packed, one file for each target; `python -m bench.fuzz` is the fuzzer.
`tools/fuzz.sh` runs it; `tests/faults/test_corpus.py` replays the corpus without it.
"""

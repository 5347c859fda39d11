"""Inputs that nobody would think of, by the hundred thousand: `python -m tests.fuzz`."""

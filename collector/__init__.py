"""Joins a provider's phone calls to the Contentsquare sessions that led to them.

The map of the package is docs/architecture.md.
"""

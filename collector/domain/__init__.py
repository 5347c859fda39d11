"""The rules, pure: no clock, no database, no network. ``now`` is always passed in."""

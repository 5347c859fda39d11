"""Kills the job wherever it could die, and compares what is left with what ought to be.

A worker process runs the job against the sandbox and ends itself at the K-th *point*: before a
transaction, a statement, a commit or a post, after a request was written, after its answer came.
Then the job is started again until it is done, and the sandbox's content and the ledger have to
be those of an undisturbed run. ``make torture`` runs the long form, test_torture.py a short one.

- ``scenario`` makes up the customers, ``stage`` sets it up for each ``trial``, on copies that
  ``databases`` makes; ``variants`` are the ways to disturb it, ``compare`` says what has to be
  the same.
- ``worker`` is the process that is killed, with its ``points``; ``processes`` gives it orders.
- ``beacons`` kills the server under load: ``beacon_kills`` again and again, ``beacon_load`` until
  it is gone.
- ``plan`` chooses the points, ``lanes`` works on several at a time, ``__main__`` tells of it.
"""

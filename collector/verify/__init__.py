"""Opens a customer's page as a visitor would, and says why its sessions arrive or do not.

It depends on nothing but the page: no database, no settings. ``starting`` and ``observing`` look,
by Playwright, which is an optional extra; ``diagnosis`` concludes, without a browser; ``texts``
has the words.
"""

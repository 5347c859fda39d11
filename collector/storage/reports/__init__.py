"""Reads what people look at, from the views that analysts have, and from nothing else.

So whoever may read the views can repeat each number.
"""

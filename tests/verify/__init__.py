"""Tests of what is concluded of a page, without a browser."""

"""Tests of the snippet and of the demo's shop, in a real Chromium against loopback servers."""

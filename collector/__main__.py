"""``python -m collector`` is the same as ``collector``."""

from collector.cli.main import main

main()

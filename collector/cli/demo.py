"""``collector demo``: the whole product at work, on this machine, in under a minute."""

from __future__ import annotations

import click

from collector.demo import show


@click.command()
@click.option("--once", is_flag=True, help="Exit when the funnel is printed.")
def demo(once: bool) -> None:
    """Show everything at work: a shop, its visits, its calls, and the job that joins them.

    Starts the sandbox, the collector on a fresh SQLite database, and a shop to visit, all on
    loopback ports; plays a day of visits and calls through them; then stays up, so that you can
    visit the shop and place a call yourself, until Ctrl-C. Nothing leaves this machine, and
    nothing stays on it.
    """
    show.run(once=once)

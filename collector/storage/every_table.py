"""All tables together, whichever module declares them: for whoever must not miss one."""

from __future__ import annotations

from collector.storage import tables_privacy, tables_retention
from collector.storage.tables import Base

#: Those beside `tables`; to name them is what adds their tables.
BESIDES = (tables_privacy, tables_retention)

METADATA = Base.metadata

"""All tables together, whichever module declares them: for whoever must not miss one."""

from __future__ import annotations

from collector.storage import tables_privacy
from collector.storage.tables import Base

#: Those beside `tables`; to name them is what adds their tables.
BESIDES = (tables_privacy,)

METADATA = Base.metadata

"""What people would run instead of an import: pandas reads the file and writes one table.

    python -m bench.imports_script to_sql|copy FILE URL

Nothing is checked, nothing is compared, and the table has no key.
"""

from __future__ import annotations

import io
import sys

import pandas as pd
import psycopg
import sqlalchemy

#: So many rows are handed over at once.
ROWS = 10_000


def main() -> None:
    way, path, url = sys.argv[1:]
    frame = pd.read_csv(path)
    {"to_sql": to_sql, "copy": copy}[way](frame, url)


def to_sql(frame: pd.DataFrame, url: str) -> None:
    """As its documentation shows; ``method="multi"`` takes longer on both databases."""
    frame.to_sql("call_export", _engine(url), index=False, chunksize=ROWS)


def copy(frame: pd.DataFrame, url: str) -> None:
    """PostgreSQL's own way of bringing in a file."""
    frame.head(0).to_sql("call_export", _engine(url), index=False)
    columns = ", ".join(f'"{name}"' for name in frame.columns)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        statement = f"COPY call_export ({columns}) FROM STDIN WITH (FORMAT csv)"
        with cursor.copy(statement) as stream:
            for start in range(0, len(frame), ROWS):
                text = io.StringIO()
                frame.iloc[start : start + ROWS].to_csv(text, index=False, header=False)
                stream.write(text.getvalue())


def _engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


if __name__ == "__main__":
    main()

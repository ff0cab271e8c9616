"""PostgreSQL: a round trip is a table that is made, written, read back and removed."""

from __future__ import annotations

import re

from hubproof.promises import Service
from hubproof.services import MARK, Cell

_STEPS = ["connect", "make", "write", "read back", "remove"]
_DEFAULTS = {
    "host": "POSTGRES_HOST",
    "port": "POSTGRES_PORT",
    "user": "POSTGRES_USER",
    "password": "POSTGRES_PASSWORD",
    "database": "POSTGRES_DB",
}

_CODE = """
import json, os, time
import psycopg2
begun = time.monotonic()
def step(name):
    print({mark!r} + json.dumps([name, round(time.monotonic() - begun, 3)]), flush=True)
given = {names!r}
link = psycopg2.connect(
    host=os.environ.get(given["host"]) or {host!r},
    port=os.environ.get(given["port"]) or {port!r},
    user=os.environ[given["user"]],
    password=os.environ[given["password"]],
    dbname=os.environ[given["database"]],
    connect_timeout={timeout},
)
link.autocommit = True
step("connect")
cursor = link.cursor()
cursor.execute('CREATE TABLE "{table}" (key integer, value text)')
try:
    step("make")
    cursor.execute('INSERT INTO "{table}" VALUES (%s, %s)', (42, {value!r}))
    step("write")
    cursor.execute('SELECT value FROM "{table}" WHERE key = 42')
    read = cursor.fetchone()[0]
    if read != {value!r}:
        raise ValueError(f"read back {{read!r}}")
    step("read back")
finally:
    cursor.execute('DROP TABLE "{table}"')
step("remove")
link.close()
"""


def postgresql_cell(service: Service, run_id: str) -> Cell:
    """Return the cell of one round trip; the table that it makes carries the run id."""
    table = "hubproof_" + re.sub(r"[^a-z0-9]", "_", run_id.lower())
    code = _CODE.format(
        mark=MARK,
        names=_DEFAULTS | {str(name): variable for name, variable in service.env.items()},
        host=service.host,
        port=service.port,
        timeout=max(2, int(service.within)),
        table=table,
        value=f"written by hubproof run {run_id}",
    )
    return Cell(_STEPS, code)

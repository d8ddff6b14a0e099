"""A store with millions of finished sagas, made from some real ones: while no sagad runs, their rows are copied over
and over with other keys, ids and times, all indexes kept. What a copy says of itself is shifted with it, so that it
replays as the original does.

Knows of the schema what it must: the columns of `sagas` and `journal`, and that `counts` has the sums.
"""

import os
import sqlite3
import time
from typing import NamedTuple


class Filled(NamedTuple):
    sagas: int
    seconds: float
    some_ids: list  # Of copies, to be read back.


def multiply(path, sagas):
    """Until the store at `path` has at least `sagas`. All that are there must have ended, and have no tags."""
    begin = time.monotonic()
    db = sqlite3.connect(path, isolation_level=None)
    try:
        # A store that a crash breaks is thrown away, so nothing of it needs to be durable on the way.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -1000000",
                       "temp_store = MEMORY"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        real, last, first_at, last_at, open_ones = db.execute(
            "SELECT count(*), max(key), min(created_at), max(updated_at), sum(NOT ended) FROM sagas").fetchone()
        tags = db.execute("SELECT count(*) FROM tags").fetchone()[0]
        if open_ones or tags or not real:
            raise ValueError(f"expected finished sagas without tags in {path}, but of {real} sagas {open_ones} have "
                             f"not ended and there are {tags} tags")
        copies = -(-sagas // real) - 1
        if copies > 0:
            copy(db, copies, last, last_at - first_at + 1)
            with open(path, "rb") as file:
                os.fsync(file.fileno())  # Else what is measured next waits for these pages.
        ids = [row[0] for row in db.execute(
            "SELECT id FROM sagas WHERE key IN (SELECT value FROM json_each(?))",
            ["[" + ",".join(str(i * last + 1 + i) for i in range(0, copies + 1, max(copies // 8, 1))) + "]"])]
        return Filled(real * (copies + 1), time.monotonic() - begin, ids)
    finally:
        db.close()


def copy(db, copies, keys, span_ms):
    """Copies follow one another in keys and in times, the real ones come first in both. An id keeps its length: the
    number of the copy stands in the place of its first eight characters, and so all are in the order of their keys."""
    names = [row[1] for row in db.execute("PRAGMA table_info(sagas)")]
    # What is changed by hand has no checksum.
    journal = [row[1] for row in db.execute("PRAGMA table_info(journal)") if row[1] not in ("n", "checksum")]
    times = {"created_at", "updated_at", "finished_at", "wake_at"}
    new_id = "printf('%08x', :copy) || substr(o.id, 9)"

    def later(text):  # The events of a row are of one moment, its front says which.
        at = f"substr({text}, 3, 13)"
        return f"replace({text}, '[' || {at} || ',', '[' || ({at} + :ms) || ',')"

    def shifted(column):
        if column in times:
            return f"o.{column} + :ms"
        return {"key": "o.key + :keys", "saga": "o.saga + :keys", "id": new_id,
                "events": f"CASE o.says WHEN 0 THEN {later('o.events')} ELSE replace(replace({later('o.events')}, o.id, "
                          f"{new_id}), '\"created_at\":' || o.created_at, '\"created_at\":' || (o.created_at + :ms)) END"
                }.get(column, f"o.{column}")

    copy_sagas = (f"INSERT INTO sagas({', '.join(names)}) SELECT {', '.join(map(shifted, names))} "
                  "FROM sagas o WHERE o.key <= :last ORDER BY o.key")
    copy_journal = (f"INSERT INTO journal({', '.join(journal)}) SELECT {', '.join(map(shifted, journal))} "
                    "FROM original o ORDER BY o.rowid")

    # The real ones become the first: everything moves into the past by the time that all copies span.
    back_ms = -copies * span_ms
    db.execute("BEGIN")
    db.execute(f"UPDATE journal SET events = replace({later('events')}, '\"created_at\":' || s.created_at, "
               "'\"created_at\":' || (s.created_at + :ms)), checksum = NULL FROM sagas s WHERE s.key = journal.saga",
               {"ms": back_ms})
    moved = ", ".join(f"{n} = {n} + :ms" for n in names if n in times)
    db.execute(f"UPDATE sagas SET {moved}", {"ms": back_ms})
    db.execute("CREATE TEMP TABLE original AS SELECT j.*, s.id, s.created_at, instr(j.events, s.id) OR "
               "instr(j.events, '\"created_at\":') AS says FROM journal j JOIN sagas s ON s.key = j.saga ORDER BY j.n")
    for number in range(1, copies + 1):
        values = {"copy": number, "ms": number * span_ms, "keys": number * keys, "last": keys}
        db.execute(copy_sagas, values)
        db.execute(copy_journal, values)
        if number % 50 == 0:
            db.execute("COMMIT")
            db.execute("BEGIN")
    db.execute("UPDATE counts SET sagas = sagas * ?", [copies + 1])
    db.execute("COMMIT")

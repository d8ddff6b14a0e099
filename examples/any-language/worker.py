#!/usr/bin/env python3
"""A saga worker in nothing but Python's standard library: it issues vouchers, and cancels them.

    python3 worker.py --listen 127.0.0.1:8090 --db vouchers.db

`once` is all that the step protocol asks of a worker: each call takes effect once, however often it comes, and an action
that was undone never happens after all. It works because the record and the effect are one transaction.
"""
import argparse
import json
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS done (key TEXT, phase TEXT, answer TEXT, at INTEGER, PRIMARY KEY (key, phase));
CREATE INDEX IF NOT EXISTS done_at ON done (at);
CREATE TABLE IF NOT EXISTS vouchers (number INTEGER PRIMARY KEY, saga TEXT NOT NULL, customer TEXT NOT NULL, status TEXT NOT NULL);
"""
KEEP = 30 * 24 * 3600  # seconds


class Refused(Exception):
    """The business says no."""


def issue(db, saga, body):
    customer = body.get("customer_id") if isinstance(body, dict) else None
    if not isinstance(customer, str):
        raise Refused("bad_input", "expected 'customer_id' to be a text")
    cursor = db.execute("INSERT INTO vouchers (saga, customer, status) VALUES (?, ?, 'valid')", (saga, customer))
    return {"voucher": cursor.lastrowid}


def cancel(db, saga, body):  # By the saga: after a timeout there is no output that would name the voucher.
    db.execute("UPDATE vouchers SET status = 'cancelled' WHERE saga = ?", (saga,))
    return {"cancelled": True}


STEPS = {("/vouchers", "action"): issue, ("/vouchers/cancel", "compensation"): cancel}


def once(db, key, phase, outcome, work):
    """Runs `work` at most once to its end for `key` and `phase`; the status and the JSON text to answer."""
    db.execute("BEGIN IMMEDIATE")  # One call at a time from here to the commit, other processes included.
    done = dict(db.execute("SELECT phase, answer FROM done WHERE key = ?", (key,)))
    if phase == "action" and "compensation" in done:
        return 409, problem("compensated", "the action comes after its compensation")
    if phase in done:
        return 200, done[phase]
    if phase == "compensation" and "action" not in done and outcome != "done":
        answer = "null"  # Never seen: remembered, so that it is refused if it comes after all.
    else:
        answer = json.dumps(work())
    now = int(time.time())
    db.execute("INSERT INTO done VALUES (?, ?, ?, ?)", (key, phase, answer, now))
    db.execute("DELETE FROM done WHERE rowid IN (SELECT rowid FROM done WHERE at < ? ORDER BY at LIMIT 10)", (now - KEEP,))
    db.execute("COMMIT")
    return 200, answer


def problem(code, message, retryable=False):
    return json.dumps({"code": code, "detail": message, "retryable": retryable})


class Worker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections are kept.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        if self.path != "/state":
            return self.send(404, problem("no_such_page", f"there is nothing at {self.path}"))
        db = sqlite3.connect(DATABASE)
        db.row_factory = sqlite3.Row
        self.send(200, json.dumps({"vouchers": [dict(row) for row in db.execute("SELECT * FROM vouchers ORDER BY number")]}))
        db.close()

    def do_POST(self):
        self.send(*self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def send(self, status, answer):
        text = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def answer(self, body):
        key, _, phase = self.headers.get("Idempotency-Key", "").rpartition("/")
        saga, _, step = key.partition("/")
        if not saga or not step or phase not in ("action", "compensation"):
            return 400, problem("bad_request", "expected Idempotency-Key: SAGA_ID/STEP/action or SAGA_ID/STEP/compensation")
        work = STEPS.get((self.path, phase))
        if work is None:
            return 404, problem("no_such_step", f"there is no {phase} at {self.path}")
        patience = int(self.headers.get("Saga-Timeout-Ms", 30000)) / 2000  # Half of it, in seconds.
        db = sqlite3.connect(DATABASE, timeout=patience, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = FULL")  # What was answered outlives a power cut.
            value = json.loads(body) if body else None
            return once(db, key, phase, self.headers.get("Saga-Outcome"), lambda: work(db, saga, value))
        except Refused as refusal:
            return 422, problem(*refusal.args)
        except json.JSONDecodeError as error:
            return 400, problem("bad_request", f"expected a JSON body: {error}")
        except sqlite3.OperationalError as error:  # Another call is at work: later.
            return 425, problem("at_work", str(error), retryable=True)
        except Exception as error:
            return 500, problem("internal_error", str(error), retryable=True)
        finally:
            db.close()  # Rolls back what was not committed.

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1:8090")
    parser.add_argument("--db", default="vouchers.db")
    options = parser.parse_args()
    DATABASE = options.db
    sqlite3.connect(DATABASE).executescript(SCHEMA)
    host, _, port = options.listen.rpartition(":")
    server = Server((host, int(port)), Worker)
    print(f"vouchers ready on http://{host}:{server.server_port}", flush=True)
    server.serve_forever()

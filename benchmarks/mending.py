"""What an operator does with thousands at once: starts of a file, and failed sagas mended beside new ones."""

import json
import time

from rack import INPUT, wait_until
from report import number


def write_lines(rack, count):
    path = rack.path("lines")
    with open(path, "w") as file:
        for n in range(count):
            file.write(json.dumps({"input": {"n": n, **json.loads(INPUT)}}) + "\n")
    return str(path)


def lines(rack, options, report):
    count = options.scaled(200_000)
    report.section(f"{count:,} starts of a file with sagactl")
    rack.start_worker()
    rack.restart()
    file = write_lines(rack, count)
    cpu, begin = rack.sagad.cpu_us(), time.monotonic()
    rack.sagactl("start", "bench", "--inputs", file, "--delay", "30d")
    took = time.monotonic() - begin
    report.line(f"In batches of 1,000, to begin in 30 days: accepted in {number(took)} s, {number(count / took)}/s, "
                f"{number((rack.sagad.cpu_us() - cpu) / count)} us of sagad's CPU each.")
    rack.kill_sagad()


def mend(rack, options, report):
    count = options.scaled(10_000)
    report.section(f"{count:,} failed sagas mended by one command")
    rack.start_worker("--answer", "/refuse=422", "--answer", "/give=400")  # Not a 5xx, which would open its breaker.
    rack.restart()
    rack.sagactl("start", "mend", "--inputs", write_lines(rack, count))
    wait_until(lambda: rack.count("failed") >= count, "all have failed")
    rack.start_worker("--answer", "/refuse=422")  # On the same port: mended.
    beside = {"concurrent": 64, "rate": 200, "seconds": options.seconds * 2, "no_wait": True}
    before = rack.load(**beside)
    running = rack.begin_load(**beside)
    begin = time.monotonic()
    said = rack.sagactl("retry", "--all", "--status", "failed", "--yes")
    retried = time.monotonic() - begin
    wait_until(lambda: rack.count("failed") + rack.count("compensating") == 0, "all are undone")
    mended = time.monotonic() - begin
    during = rack.end_load(running)
    wait_until(lambda: rack.count("running") == 0, "the new ones end")
    report.bad += before["bad"] + during["bad"]
    report.line(f"`sagactl retry --all --status failed`: {said}, in {number(retried)} s; all undone after "
                f"{number(mended)} s.")
    report.line()
    report.line(f"Beside it 200 new sagas a second, open loop: a start took p50 {number(before['p50_ms'])}, p99 "
                f"{number(before['p99_ms'])} ms before, p50 {number(during['p50_ms'])}, p99 {number(during['p99_ms'])} "
                f"ms in the {number(beside['seconds'])} s from its begin. At the end {rack.count('compensated'):,} "
                f"compensated, {rack.count('completed'):,} completed of {before['sagas'] + during['sagas']:,} started, "
                f"{rack.count('failed'):,} failed.")
    rack.kill_sagad()

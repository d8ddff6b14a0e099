"""What sagad takes while it waits and how soon it is there: memory, start-up, recovery, and whether a store that has
grown costs more."""

import shutil

from fill import multiply
from rack import wait_until
from report import median, number, spread
from throughput import days_ahead, measured_load, warm_up


def ready(rack, options, report):
    report.section("Start-up and idle memory")
    rack.start_worker()
    took = []
    for _ in range(10):
        rack.restart()
        took.append({"ms": rack.sagad.ready_after_ms})
    idle = rack.sagad.rss_at_rest_mb()
    rack.kill_sagad()
    report.line(f"From exec to the ready line on an empty store, ten times: median {number(median(took, 'ms'))} ms, "
                f"max {number(max(t['ms'] for t in took))} ms. Idle, a second later: {idle:.1f} MB resident.")
    report.line()
    report.measured("ready_ms", median(took, "ms"))
    report.measured("idle_mb", idle)


def flight(rack, options, report):
    calls = options.scaled(10_000)
    report.section(f"{calls:,} calls in flight")
    rack.start_worker("--delay-ms", "5000", max_in_flight=calls)
    rack.restart()
    took = start_many(rack, "one-call", calls)
    most = 0

    def all_ended():
        nonlocal most
        metrics = rack.metrics()
        most = max(most, metrics.sum("sagad_calls_in_flight"))
        return metrics.sum("sagad_sagas_ended_total", workflow="one-call", status="completed") >= calls

    ended = wait_until(all_ended, "all calls are answered", pause=0.25)
    peak = rack.sagad.peak_mb()
    attempts = rack.metrics().sum("sagad_attempts_total", workflow="one-call")
    rack.kill_sagad()
    report.line(f"{calls:,} sagas whose one call takes 5 s: started in {number(took)} s, all completed "
                f"{number(ended)} s later, at most {number(most)} in flight seen, {number(attempts)} attempts; peak "
                f"memory {number(peak)} MB.")
    report.line()
    report.measured("flight_mb", peak, options.scaled_note(calls, 10_000))


def asleep(rack, options, report):
    sagas = options.scaled(1_000_000)
    report.section(f"{sagas:,} sagas asleep")
    rack.start_worker()
    rack.restart()
    took = start_many(rack, "bench", sagas, start_at=days_ahead(30))
    accepted = rack.sagad.rss_mb()
    at_rest = rack.sagad.rss_at_rest_mb()
    rack.kill_sagad()
    rack.start_sagad()
    restarted = rack.sagad.rss_mb()
    report.line(f"Accepted in batches of 1,000 in {number(took)} s, to begin in 30 days: {number(accepted)} MB "
                f"resident then, {number(at_rest)} MB a second later. After a restart: ready in "
                f"{number(rack.sagad.ready_after_ms)} ms, {number(restarted)} MB. "
                f"The store is {number(rack.size_mb())} MB.")
    report.line()
    report.measured("asleep_mb", max(at_rest, restarted), options.scaled_note(sagas, 1_000_000))
    rack.kill_sagad()


def recovery(rack, options, report):
    finished, in_flight = options.scaled(1_000_000), options.scaled(100_000)
    report.section(f"Recovery with {finished:,} finished and {in_flight:,} in flight")
    filled = fill(rack, options, report, finished)
    if not filled:
        return
    rack.start_worker("--delay-ms", "600000", max_in_flight=1000)
    rack.start_sagad()
    start_many(rack, "one-call", in_flight)
    wait_until(lambda: rack.count("running") >= in_flight, "all calls are begun")
    rack.kill_sagad()
    rack.stop_worker()
    rack.start_worker(max_in_flight=1000)
    rack.start_sagad()
    begun_before = rack.sagad.ready_after_ms / 1000
    accepted = begun_before + wait_until(lambda: rack.post_start("one-call") is None, "a start is accepted")
    # By the store: a scrape would ask the engine itself, which has enough to do.
    called = accepted + wait_until(lambda: rack.count("running") == 0, "all are called again")
    report.line(f"kill -9; after the restart ready in {number(rack.sagad.ready_after_ms)} ms, a start accepted "
                f"{number(accepted)} s after exec, all in flight called again, and answered, after {number(called)} s. "
                f"Peak memory {number(rack.sagad.peak_mb())} MB; the store is {number(rack.size_mb())} MB.")
    report.line()
    note = options.scaled_note(finished, 1_000_000)
    report.measured("accept_s", accepted, note)
    report.measured("called_s", called, note)
    rack.kill_sagad()
    rack.remove("saga.db")


def growth(rack, options, report):
    finished = options.growth
    report.section(f"A store with {finished:,} finished sagas")
    if not fill(rack, options, report, finished):
        return
    full, empty = [], []
    for _ in range(options.runs):
        for store, samples in (("empty.db", empty), ("saga.db", full)):
            rack.start_sagad(store)
            warm_up(rack, options)
            samples.append(measured_load(rack, 6, concurrent=128, seconds=options.seconds))
            rack.stop_sagad()
            rack.remove("empty.db")
    report.bad += sum(sample["bad"] for sample in full + empty)
    report.line("Six-step sagas, 128 concurrent, in turns over an empty store and over the full one.")
    report.line()
    report.table(["store", "sagas/s", "p50 ms", "p99 ms", "kB written a saga", "CPU us a step: sagad"],
                 [[name, spread(s, "per_second"), number(median(s, "p50_ms")), number(median(s, "p99_ms")),
                   "" if median(s, "bytes") is None else number(median(s, "bytes") / 1000),
                   number(median(s, "sagad_us"))] for name, s in (("empty", empty), ("full", full))])
    ratios = [{"ratio": f["per_second"] / e["per_second"]} for f, e in zip(full, empty)]
    report.measured("growth", median(ratios, "ratio"), options.scaled_note(finished, 10_000_000))
    rack.remove("saga.db")


def fill(rack, options, report, sagas):
    """A store with so many finished six-step sagas: some real ones, multiplied. False: there is no room for it."""
    real = max(1, min(sagas // 10, 10_000))
    rack.start_worker()
    rack.restart()
    rack.load(concurrent=128, starts=real, seconds=3600)
    rack.stop_sagad()
    room_mb = shutil.disk_usage(rack.folder).free / 2**20
    needed_mb = rack.size_mb() * sagas / real * 1.3 + 2048
    if needed_mb > room_mb:
        report.line(f"Not measured: {sagas:,} sagas need about {number(needed_mb)} MB, and {number(room_mb)} MB "
                    "are free.")
        rack.remove("saga.db")
        return False
    options.say(f"multiplying {real:,} sagas to {sagas:,}, about {number(needed_mb)} MB")
    took = multiply(rack.path("saga.db"), sagas)
    rack.start_sagad()
    for saga in took.some_ids:
        status, text = rack.get(f"/v1/sagas/{saga}")
        if status != 200 or '"status":"completed"' not in text or f'"id":"{saga}"' not in text:
            report.bad += 1
    rack.stop_sagad()
    report.line(f"{real:,} sagas were run and their rows multiplied to {took.sagas:,} in {number(took.seconds)} s: "
                f"{number(rack.size_mb())} MB. {len(took.some_ids)} of the copies were read back through the API.")
    report.line()
    return True


def start_many(rack, workflow, sagas, **options):
    """Durable starts of as many, in batches; the seconds it took."""
    return rack.load(workflow, batch=min(sagas, 1000), starts=sagas, concurrent=4, seconds=3600, **options)["seconds"]

"""How many sagas a second, how long each takes, and what that costs: closed loops beside the floor, an open loop, sagas
that are undone, and starts alone."""

import datetime

from rack import wait_until
from report import median, number, spread

CONCURRENT = (1, 16, 128, 512)


def measured_load(rack, calls_a_saga, **options):
    """saga_load's result, with what it took of sagad, worker, client and disk."""
    before = rack.metrics()
    sagad_cpu, worker_cpu, written = rack.sagad.cpu_us(), rack.worker.cpu_us(), rack.sagad.written_bytes()
    result = rack.load(**options)
    sagad_cpu, worker_cpu = rack.sagad.cpu_us() - sagad_cpu, rack.worker.cpu_us() - worker_cpu
    after = rack.metrics()
    commits, appends = (after.sum(name) - before.sum(name) for name in
                        ("sagad_store_commit_batch_size_count", "sagad_store_commit_batch_size_sum"))
    steps = max(result["sagas"] * calls_a_saga, 1)
    result["sagad_us"] = sagad_cpu / steps
    result["worker_us"] = worker_cpu / steps
    result["client_us"] = result["client_cpu_us"] / steps
    result["appends"] = appends / max(commits, 1)
    result["commits"] = commits / result["seconds"]
    result["bytes"] = None if written is None else (rack.sagad.written_bytes() - written) / max(result["sagas"], 1)
    return result


def measured_floor(rack, concurrent, seconds):
    worker_cpu = rack.worker.cpu_us()
    result = rack.floor(concurrent, seconds)
    result["worker_us"] = (rack.worker.cpu_us() - worker_cpu) / max(result["sagas"] * 6, 1)
    result["loop_us"] = result["client_cpu_us"] / max(result["sagas"] * 6, 1)
    return result


def kilobytes(samples):
    middle = median(samples, "bytes")
    return "not known" if middle is None else f"{middle / 1000:.1f}"


def warm_up(rack, options, **load):
    """A second of the same load before each measurement: a machine that was idle, or a virtual one that its host has put
    aside meanwhile, is slower at first, and to compare two, both have to find it alike."""
    rack.load(concurrent=16, seconds=min(1, options.seconds), **load)


def rates(rack, options, report):
    report.section("Six-step sagas against a no-op worker")
    rack.start_worker()
    engine = {n: [] for n in CONCURRENT}
    floor = {n: [] for n in CONCURRENT}
    fsyncs, peaks = [], []
    for _ in range(options.runs):
        fsyncs.append(rack.fsync())
        rack.restart()
        for n in CONCURRENT:
            warm_up(rack, options)
            floor[n].append(measured_floor(rack, n, options.seconds))
            warm_up(rack, options)
            engine[n].append(measured_load(rack, 6, concurrent=n, seconds=options.seconds))
        peaks.append(rack.sagad.peak_mb())
        rack.kill_sagad()
    report.bad += sum(sample["bad"] for samples in engine.values() for sample in samples)
    options.peak = max(median(samples, "per_second") for samples in engine.values())

    report.line(f"Closed loop, {number(options.seconds)} s each; rounds: {options.runs}, every one over a fresh store, "
                "the floor right before sagad at each width. Medians; in brackets the least and the most.")
    report.line()
    report.line("fdatasync of 4 KiB, each round: p50 " +
                ", ".join(f"{f['fsync_p50_us']}" for f in fsyncs) + " us; p99 " +
                ", ".join(f"{f['fsync_p99_us']}" for f in fsyncs) + " us. sagad's peak memory: " +
                ", ".join(f"{peak:.0f}" for peak in peaks) + " MB.")
    report.line()
    report.table(
        ["concurrent", "sagas/s", "p50 ms", "p99 ms", "appends a commit", "commits/s", "kB written a saga",
         "CPU us a step: sagad", "worker", "client"],
        [[n, spread(s, "per_second"), number(median(s, "p50_ms")), number(median(s, "p99_ms")),
          number(median(s, "appends")), number(median(s, "commits")), kilobytes(s), number(median(s, "sagad_us")),
          number(median(s, "worker_us")), number(median(s, "client_us"))] for n, s in engine.items()])
    report.line("The floor: the same calls and commits by a bare loop, and the ratio of sagad to it in the same round.")
    report.line()
    report.table(
        ["concurrent", "sagas/s", "p50 ms", "p99 ms", "CPU us a step: loop", "worker", "rate: sagad / floor",
         "p50: sagad / floor"],
        [[n, spread(s, "per_second"), number(median(s, "p50_ms")), number(median(s, "p99_ms")),
          number(median(s, "loop_us")), number(median(s, "worker_us")), number(ratio(engine, floor, n, "per_second")),
          number(ratio(engine, floor, n, "p50_ms"))] for n, s in floor.items()])
    for n in (128, 512):
        report.measured(f"rate_{n}", median(engine[n], "per_second"))
        report.measured(f"floor_{n}", ratio(engine, floor, n, "per_second"))
    report.measured("lone_p50", ratio(engine, floor, 1, "p50_ms"))
    report.measured("cpu_512", median(engine[512], "sagad_us"))


def ratio(engine, floor, concurrent, key):
    """Of each round, so that what disturbed a round disturbed both; the median of these."""
    rounds = [{"ratio": e[key] / max(f[key], 0.001)} for e, f in zip(engine[concurrent], floor[concurrent])]
    return median(rounds, "ratio")


def open_loop(rack, options, report):
    report.section("Open loop")
    rack.start_worker()
    if options.peak is None:
        rack.restart()
        options.peak = rack.load(concurrent=128, seconds=options.seconds)["per_second"]
    samples = []
    for _ in range(options.runs):
        rack.restart()
        warm_up(rack, options)
        samples.append(measured_load(rack, 6, concurrent=1024, rate=options.peak / 2, seconds=options.seconds))
    rack.kill_sagad()
    report.bad += sum(sample["bad"] for sample in samples)
    report.line(f"Starts are due evenly at half the peak rate ({number(options.peak)}/s), whatever comes back; a "
                "saga's time counts from when its start was due.")
    report.line()
    report.table(["starts/s", "sagas/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "CPU us a step: sagad"],
                 [[number(options.peak / 2), number(median(samples, "per_second"))] +
                  [spread(samples, key) for key in ("p50_ms", "p90_ms", "p99_ms", "max_ms")] +
                  [number(median(samples, "sagad_us"))]])
    report.measured("open_p99", median(samples, "p99_ms"))


def undo(rack, options, report):
    report.section("Sagas that fail at step 5 and compensate four")
    rack.start_worker("--answer", "/refuse=422")
    samples = []
    for _ in range(options.runs):
        rack.restart()
        warm_up(rack, options, workflow="undo", expect="compensated")
        samples.append(measured_load(rack, 9, workflow="undo", expect="compensated", concurrent=512,
                                     seconds=options.seconds))
    rack.kill_sagad()
    report.bad += sum(sample["bad"] for sample in samples)
    report.line("512 concurrent, closed loop; nine calls a saga: four, the refused one, four compensations.")
    report.line()
    report.table(["sagas/s", "p50 ms", "p99 ms", "appends a commit", "kB written a saga", "CPU us a call: sagad"],
                 [[spread(samples, "per_second"), number(median(samples, "p50_ms")), number(median(samples, "p99_ms")),
                   number(median(samples, "appends")), kilobytes(samples), number(median(samples, "sagad_us"))]])
    report.measured("undo_512", median(samples, "per_second"))


def batches(rack, options, report):
    report.section("Starts in batches of 1,000")
    rack.start_worker()
    samples = []
    for _ in range(options.runs):
        rack.restart()
        samples.append(measured_load(rack, 1, batch=1000, concurrent=4, seconds=options.seconds,
                                     start_at=days_ahead(30)))
    rack.kill_sagad()
    report.bad += sum(sample["bad"] for sample in samples)
    report.line("Four clients, a batch each in flight; the sagas are to begin in 30 days, so that only accepting them "
                "is measured.")
    report.line()
    report.table(["sagas/s", "a batch: p50 ms", "p99 ms", "kB written a saga", "CPU us a start: sagad", "client"],
                 [[spread(samples, "per_second"), number(median(samples, "p50_ms")), number(median(samples, "p99_ms")),
                   kilobytes(samples), number(median(samples, "sagad_us")), number(median(samples, "client_us"))]])
    report.measured("batches", median(samples, "per_second"))


def clients(rack, options, report):
    report.section("1,000 keep-alive API clients")
    seconds = options.seconds * 2
    rack.start_worker()
    rack.restart()
    busy = rack.load(concurrent=900, waiting=100, waiting_workflow="rest", rate=500, no_wait=True, seconds=seconds)
    report.bad += busy["bad"]
    report.line(f"500 starts/s, open loop, over 900 connections in turn for {number(seconds)} s, beside 100 that wait "
                f"for the end of a saga over and over ({busy['waited_for']} ends): a start p50 "
                f"{number(busy['p50_ms'])} ms, p99 {number(busy['p99_ms'])} ms, max {number(busy['max_ms'])} ms; "
                f"failures: {busy['bad']}.")
    report.line()
    report.measured("clients_bad", busy["bad"])
    report.measured("clients_p99", busy["p99_ms"])
    wait_until(lambda: rack.count("running") == 0, "the sagas started for the clients end")
    idle = rack.load(idle=1000, concurrent=1, starts=500, no_wait=True)
    report.bad += idle["bad"]
    rack.kill_sagad()
    report.line(f"One at a time beside 1,000 idle clients: p50 {number(idle['p50_ms'])} ms, p99 "
                f"{number(idle['p99_ms'])} ms, max {number(idle['max_ms'])} ms.")


def days_ahead(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

"""What a benchmark runs on: a folder on a real disk, at most one worker and one sagad at a time, the programs that put
load on them, and what the kernel and /metrics say of each process meanwhile.

All that the rack starts it ends, by its process id.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import time

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")

INPUT = '{"sku":"book","quantity":2,"amount":1200,"customer_id":"c-1","email":"ann@example.org"}'


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""


class Process:
    """A program that says where it listens in its first line, and is killed with the rack."""

    def __init__(self, command, log):
        begin = time.monotonic()
        self._popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self._popen.stdout.readline()
        self.ready_after_ms = (time.monotonic() - begin) * 1000
        found = re.search(r"http://[^ \n]*", line)
        if not found:
            self._popen.wait()
            raise BenchError(f"{command[0]} said {line!r} where its ready line was expected; see {log.name}")
        self.url = found.group()
        self.port = int(self.url.rsplit(":", 1)[1])

    @property
    def pid(self):
        return self._popen.pid

    def cpu_us(self):
        """CPU time so far, of all threads."""
        after_name = self._proc("stat").rsplit(")", 1)[1].split()
        return (int(after_name[11]) + int(after_name[12])) * TICK_US

    def written_bytes(self):
        """What was sent to the disk; None where the kernel does not tell."""
        try:
            return int(re.search(r"^write_bytes: (\d+)", self._proc("io"), re.M).group(1))
        except OSError:
            return None

    def rss_mb(self):
        return self._status_mb("VmRSS")

    def rss_at_rest_mb(self):
        """A second from now: what nobody uses has gone back to the system by then."""
        time.sleep(1)
        return self.rss_mb()

    def peak_mb(self):
        return self._status_mb("VmHWM")

    def stop(self, signal_number=signal.SIGTERM):
        if self._popen.poll() is None:
            self._popen.send_signal(signal_number)
        self._popen.wait()
        self._popen.stdout.close()

    def kill(self):
        self.stop(signal.SIGKILL)

    def _status_mb(self, field):
        return int(re.search(rf"^{field}:\s+(\d+)", self._proc("status"), re.M).group(1)) / 1024

    def _proc(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}").read_text()


class Rack:
    def __init__(self, programs, folder):
        self._programs = pathlib.Path(programs)
        self.folder = pathlib.Path(folder)
        self._log = open(self.folder / "log", "w")
        self._worker_port = 0
        self.worker = None
        self.sagad = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.sagad, self.worker):
            if process:
                process.kill()
        self._log.close()

    # ---- the two processes ------------------------------------------------------------------------------------------

    def start_worker(self, *options, max_in_flight=1024):
        """A worker that does nothing, in the place of the one before and on its port."""
        self.stop_worker()
        self.worker = Process([self._program("noop_worker"), "--port", str(self._worker_port), *options], self._log)
        self._worker_port = self.worker.port
        self._max_in_flight = max_in_flight

    def stop_worker(self):
        if self.worker:
            self.worker.stop()
        self.worker = None

    def start_sagad(self, store="saga.db"):
        """sagad over that file, with the workflows of this folder and the worker."""
        config = self.folder / "config.yaml"
        config.write_text(
            f'services: {{ noop: {{ urls: ["{self.worker.url}"], max_in_flight: {self._max_in_flight} }} }}\n')
        self.sagad = Process(
            [self._program("sagad"), "--listen", "127.0.0.1:0", "--store", f"sqlite:{self.path(store)}", "--workflows",
             str(pathlib.Path(__file__).parent / "workflows"), "--config", str(config), "--log-level", "warn"],
            self._log)

    def restart(self, store="saga.db"):
        """sagad over a store that does not exist yet."""
        self.kill_sagad()
        self.remove(store)
        self.start_sagad(store)

    def kill_sagad(self):
        if self.sagad:
            self.sagad.kill()
        self.sagad = None

    def stop_sagad(self):
        """Lets it end in order, so that nothing is left to recover."""
        if self.sagad:
            self.sagad.stop()
        self.sagad = None

    # ---- load -------------------------------------------------------------------------------------------------------

    def load(self, workflow="bench", **options):
        """saga_load's result, with `client_cpu_us`. `no_wait=True` is --no-wait, `starts=5` is --starts 5."""
        return self._measure(self._load_command(workflow, options))

    def begin_load(self, workflow="bench", **options):
        """The same, left running; `end_load` waits for it."""
        return subprocess.Popen(self._load_command(workflow, options), stdout=subprocess.PIPE, stderr=self._log,
                                text=True)

    @staticmethod
    def end_load(running):
        text, _ = running.communicate()
        return _parse("saga_load", text)

    def floor(self, concurrent, seconds):
        """What a bare loop does with the same worker and disk."""
        self.remove("floor.db")
        result = self._measure([self._program("floor"), "--worker", self.worker.url, "--db", str(self.path("floor.db")),
                                "--concurrent", str(concurrent), "--seconds", str(seconds)])
        self.remove("floor.db")
        return result

    def fsync(self):
        return self._measure([self._program("fsync_latency"), str(self.path("fsync"))])

    def sagactl(self, *arguments):
        done = subprocess.run([self._program("sagactl"), "--server", self.sagad.url, *arguments],
                              stdout=subprocess.PIPE, stderr=self._log, text=True, check=False)
        if done.returncode not in (0, 1):
            raise BenchError(f"sagactl {' '.join(arguments)} exited with {done.returncode}; see {self._log.name}")
        return done.stdout.strip()

    def post_start(self, workflow):
        """One start, answered when it is durable."""
        connection = http.client.HTTPConnection("127.0.0.1", self.sagad.port, timeout=60)
        connection.request("POST", "/v1/sagas", json.dumps({"workflow": workflow, "input": json.loads(INPUT)}))
        status = connection.getresponse().status
        connection.close()
        if status != 201:
            raise BenchError(f"a start was answered {status}")

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.sagad.port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    # ---- what sagad says of itself ----------------------------------------------------------------------------------

    def metrics(self):
        return Metrics(self.get("/metrics")[1])

    def count(self, status):
        """Sagas in that status by the store's own count."""
        store = sqlite3.connect(f"file:{self.path('saga.db')}?mode=ro", uri=True, timeout=10)
        try:
            return store.execute("SELECT coalesce(sum(sagas), 0) FROM counts WHERE status = ?", [status]).fetchone()[0]
        finally:
            store.close()

    # ---- files ------------------------------------------------------------------------------------------------------

    def path(self, name):
        return self.folder / name

    def remove(self, store):
        for ending in ("", "-wal", "-shm", "-journal"):
            self.path(store + ending).unlink(missing_ok=True)

    def size_mb(self, store="saga.db"):
        return sum(self.path(store + e).stat().st_size for e in ("", "-wal") if self.path(store + e).exists()) / 2**20

    # -----------------------------------------------------------------------------------------------------------------

    def _program(self, name):
        return str(self._programs / name)

    def _load_command(self, workflow, options):
        command = [self._program("saga_load"), "--server", self.sagad.url, "--workflow", workflow, "--input", INPUT]
        for name, value in options.items():
            if value is True:
                command.append("--" + name.replace("_", "-"))
            elif value not in (None, False):
                command += ["--" + name.replace("_", "-"), str(value)]
        return command

    def _measure(self, command):
        """Runs a program that prints one JSON object; what it used is its own CPU, its children have none."""
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        text = running.stdout.read()
        running.stdout.close()
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        result = _parse(command[0], text)
        result["client_cpu_us"] = (usage.ru_utime + usage.ru_stime) * 1_000_000
        return result


class Metrics:
    """One scrape of /metrics."""

    def __init__(self, text):
        self._lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    def sum(self, name, **labels):
        """Over all label sets that have these values."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        total = 0.0
        for line in self._lines:
            series, value = line.rsplit(" ", 1)
            if series.split("{", 1)[0] == name and all(label in series for label in wanted):
                total += float(value)
        return total


class Disturbance:
    """How much of the cores others take, from now on: all that is not of this process and of what it started and ended.
    What the kernel does on interrupts counts as nobody's, since much of it is the benchmark's own packets."""

    def __init__(self):
        self._begin = time.monotonic()
        self._all, self._own = self._all_us(), self._own_us()

    def percent(self):
        took = (self._all_us() - self._all) - (self._own_us() - self._own)
        return max(0.0, took / ((time.monotonic() - self._begin) * 1_000_000 * os.cpu_count()) * 100)

    @staticmethod
    def _all_us():
        user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(
            int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        return (user + nice + system + steal) * TICK_US

    @staticmethod
    def _own_us():
        times = os.times()
        return (times.user + times.system + times.children_user + times.children_system) * 1_000_000


def _parse(program, text):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BenchError(f"{program} printed no result but {text!r}; its log is in the benchmark's folder") from error


def wait_until(holds, what, seconds=600, pause=0.05):
    """Awaits a condition; the seconds it took."""
    begin = time.monotonic()
    while not holds():
        if time.monotonic() - begin > seconds:
            raise BenchError(f"{what}: not within {seconds} s")
        time.sleep(pause)
    return time.monotonic() - begin

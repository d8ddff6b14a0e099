"""The report in Markdown: the aims and whether they are met first, then what was measured, section by section. It is
written anew after every section, so that what was measured stays when a later one fails."""

import pathlib
import statistics


# What others may take of the cores before figures are said to be disturbed.
QUIET_PERCENT = 5


class Aim:
    """One row of what it must show."""

    def __init__(self, what, most=None, least=None, unit="", section=""):
        self.what, self.most, self.least, self.unit, self.section = what, most, least, unit, section

    def text(self):
        bound = f"≥ {number(self.least)}" if self.least is not None else f"≤ {number(self.most)}"
        return f"{bound} {self.unit}".rstrip()

    def is_met(self, value):
        return value >= self.least if self.least is not None else value <= self.most


# Two cores, everything on one machine, fsync on, medians of five.
AIMS = {
    "rate_128": Aim("six-step sagas, 128 concurrent", least=4000, unit="/s", section="rates"),
    "rate_512": Aim("six-step sagas, 512 concurrent", least=4000, unit="/s", section="rates"),
    "floor_128": Aim("that to the floor's, 128 concurrent", least=0.5, section="rates"),
    "floor_512": Aim("that to the floor's, 512 concurrent", least=0.5, section="rates"),
    "lone_p50": Aim("a lone saga's p50 to the floor's", most=1.5, section="rates"),
    "cpu_512": Aim("engine CPU a step, 512 concurrent", most=40, unit="us", section="rates"),
    "open_p99": Aim("p99 at half the peak rate, open loop", most=25, unit="ms", section="open"),
    "undo_512": Aim("failing at step 5, compensating four, 512 concurrent", least=2500, unit="/s", section="undo"),
    "batches": Aim("starts only, batches of 1,000", least=30000, unit="/s", section="batches"),
    "idle_mb": Aim("memory: idle", most=15, unit="MB", section="ready"),
    "flight_mb": Aim("memory: 10,000 calls in flight", most=150, unit="MB", section="flight"),
    "asleep_mb": Aim("memory: 1,000,000 sagas asleep", most=60, unit="MB", section="asleep"),
    "ready_ms": Aim("ready from an empty store", most=50, unit="ms", section="ready"),
    "accept_s": Aim("a start accepted, with 1,000,000 finished and 100,000 in flight", most=1, unit="s",
                    section="recovery"),
    "called_s": Aim("all of these in flight called again", most=5, unit="s", section="recovery"),
    "growth": Aim("rate with 10,000,000 finished sagas in the store to that with none", least=0.9, section="growth"),
    "clients_bad": Aim("1,000 API clients, 100 of them waiting, 500 starts/s: failures", most=0, section="clients"),
    "clients_p99": Aim("p99 of a start among them", most=50, unit="ms", section="clients"),
}


class Report:
    def __init__(self, path, title_lines):
        self._path = pathlib.Path(path)
        self._title = title_lines
        self._sections = []
        self._measured = {}
        self._disturbance = 0
        self.bad = 0  # Answers that were not the expected ones, over all sections.

    def section(self, title):
        self._sections.append([f"## {title}", ""])

    def line(self, text=""):
        self._sections[-1].append(text)

    def table(self, columns, rows):
        self.line("| " + " | ".join(columns) + " |")
        self.line("|" + "---|" * len(columns))
        for row in rows:
            self.line("| " + " | ".join(str(cell) for cell in row) + " |")
        self.line()

    def measured(self, name, value, note=""):
        """What came of an aim; `note` says what it was measured with where that is less than the aim says."""
        self._measured[name] = (value, note)
        aim = AIMS[name]
        verdict = "met" if aim.is_met(value) else "not met"
        self.line(f"Aim: {aim.what} {aim.text()}. Measured: {number(value)} {aim.unit}".rstrip() +
                  (f" ({note})" if note else "") + f": **{verdict}**.")
        self.line()

    def disturbed_by(self, percent):
        """What others took of the cores during the section."""
        self._disturbance = max(self._disturbance, percent)
        self.line(f"Meanwhile others took {percent:.0f} % of the cores.")

    def text(self):
        lines = list(self._title)
        if self._disturbance > QUIET_PERCENT:
            lines += ["", f"**Disturbed**: others took up to {self._disturbance:.0f} % of the cores during a section. "
                      "Trust CPU a step, and no rate."]
        if all(name in self._measured for name in ("floor_128", "floor_512", "lone_p50")):
            of_128, of_512, lone = (number(self._measured[n][0]) for n in ("floor_128", "floor_512", "lone_p50"))
            lines += ["", f"**Of what a bare loop without an engine does in the same minute, sagad does {of_128} at "
                      f"128 concurrent and {of_512} at 512; a lone saga takes {lone} times as long.**"]
        lines += ["", "| what | aim | measured | |", "|---|---|---|---|"]
        for name, aim in AIMS.items():
            if name in self._measured:
                value, note = self._measured[name]
                verdict = "met" if aim.is_met(value) else "**not met**"
                shown = f"{number(value)} {aim.unit}".rstrip() + (f" ({note})" if note else "")
            else:
                shown, verdict = f"not measured (--only {aim.section})", ""
            lines.append(f"| {aim.what} | {aim.text()} | {shown} | {verdict} |")
        lines.append("")
        lines.append(f"Answers that were not the expected ones: {self.bad}.")
        for section in self._sections:
            if lines[-1]:
                lines.append("")
            lines += section
        return "\n".join(lines).rstrip() + "\n"

    def save(self):
        self._path.write_text(self.text())


def number(value):
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def median(samples, key):
    """Of what these measured under that name; None where one of them could not."""
    values = [sample[key] for sample in samples]
    return None if None in values else statistics.median(values)


def spread(samples, key):
    """"4,100 (3,900 to 4,300)"; the median alone where there is one sample."""
    values = [sample[key] for sample in samples]
    middle = number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"

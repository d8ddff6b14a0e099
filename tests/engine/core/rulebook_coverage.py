#!/usr/bin/env python3
"""Which lines of the rulebook its tests have run, from gcov's counts.

  rulebook_coverage.py SOURCE_FOLDER BUILD_FOLDER

Every branch of the transition tables is a line of the sources below, so a line that no test runs is a row that no test
takes: that fails (exit 1). The other files of the core are reported.
"""

import collections
import json
import pathlib
import subprocess
import sys

CORE = "engine/core"
MACHINES = {"apply.cc", "apply_steps.cc", "callbacks.cc", "calls.cc", "children.cc", "decide.cc", "frontier.cc",
            "frontier.h", "operator.cc", "signals.cc", "steps.cc", "waits.cc"}


def counts(source, build):
    """{file: {line: times run}}, over every unit that holds the line."""
    lines = collections.defaultdict(dict)
    for unit in sorted((build / CORE).rglob("*.gcda")):
        printed = subprocess.run(["gcov", "--json-format", "--stdout", unit], cwd=build, check=True,
                                 capture_output=True).stdout
        for file in json.loads(printed)["files"]:
            path = (build / file["file"]).resolve()
            if path.parent != source / CORE:
                continue
            for line in file["lines"]:
                seen = lines[path.name].get(line["line_number"], 0)
                lines[path.name][line["line_number"]] = max(seen, line["count"])
    return lines


def main():
    source, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    lines = counts(source, build)
    absent = MACHINES - lines.keys()
    missed = [f"{CORE}/{name}: nothing of it was run" for name in sorted(absent)]
    for name in sorted(lines):
        text = (source / CORE / name).read_text().splitlines()
        # A closing brace counts as a line where something is destroyed on a way out that was not taken.
        unrun = [n for n, times in sorted(lines[name].items()) if times == 0 and text[n - 1].strip() != "}"]
        machine = name in MACHINES
        print(f"{CORE}/{name:<18} {len(lines[name]) - len(unrun):>4} of {len(lines[name]):>4} lines"
              f"{'' if machine else '   (no table)'}")
        if machine:
            missed += [f"{CORE}/{name}:{n}: {text[n - 1].strip()}" for n in unrun]
    for line in missed:
        print(f"not run: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

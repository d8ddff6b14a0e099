"""The benchmark in a few seconds: its report has its rows, and every saga ended as it should. Asserts no speed."""

import argparse
import json
import subprocess
import sys
import tempfile
import unittest

ARGUMENTS = argparse.Namespace()


class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, ARGUMENTS.run, "--programs", ARGUMENTS.programs, "--folder", folder, "--quick",
                 "--seconds", "0.1", "--only", "rates,growth", "--growth", "500"],
                capture_output=True, text=True, check=False)
            cls.status, cls.report, cls.said = done.returncode, done.stdout, done.stderr
            with open(f"{folder}/benchmarks.md") as file:
                cls.file = file.read()

    def cells(self, first, columns):
        """Of the one row that begins so and has so many columns."""
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in self.report.splitlines()
                if line.startswith(f"| {first} |")]
        rows = [row for row in rows if len(row) == columns]
        self.assertEqual(len(rows), 1, f"one row that begins with {first} in:\n{self.report}")
        return rows[0]

    def test_ends_well_and_every_answer_was_expected(self):
        self.assertEqual(self.status, 0, self.said)
        self.assertIn("Answers that were not the expected ones: 0.", self.report)

    def test_the_file_has_what_was_printed(self):
        self.assertEqual(self.file, self.report)

    def test_measures_sagad_and_the_floor_at_every_width(self):
        for concurrent in (1, 16, 128, 512):
            for columns in (10, 8):
                for cell in self.cells(concurrent, columns):
                    self.assertGreaterEqual(float(cell.split(" ")[0].replace(",", "")), 0)

    def test_says_of_each_aim_whether_it_is_met_or_was_not_measured(self):
        for what in ("six-step sagas, 128 concurrent", "that to the floor's, 512 concurrent",
                     "a lone saga's p50 to the floor's", "engine CPU a step, 512 concurrent",
                     "rate with 10,000,000 finished sagas in the store to that with none"):
            self.assertIn(self.cells(what, 4)[3], ("met", "**not met**"))
        self.assertIn("--only flight", self.cells("memory: 10,000 calls in flight", 4)[2])

    def test_the_grown_store_holds_copies_that_are_read_back(self):
        self.assertRegex(self.report, r"50 sagas were run and their rows multiplied to 500 .* 10 of the copies were "
                                      "read back")


class EngineSteps(unittest.TestCase):
    """What benchmarks/instructions counts; that it does is not tried here, since it needs valgrind."""

    def test_brings_sagas_to_their_end_without_sockets(self):
        for workflow in ("bench", "undo"):
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [f"{ARGUMENTS.programs}/engine_steps", "--folder", folder, "--workflow", workflow, "--sagas", "20",
                     "--concurrent", "5"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["sagas"], 20)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--programs", required=True)
    ARGUMENTS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])

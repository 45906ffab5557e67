"""Runs the unittest classes of a script and writes GoogleTest's report, so that tools/run-tests
counts them with the others."""

import os
import pathlib
import sys
import unittest
from xml.sax.saxutils import quoteattr


class Recorder(unittest.TextTestResult):
    """Keeps every outcome: what the report says inside its test."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.outcomes: list[tuple[str, str]] = []

    def stopTest(self, test):
        bad = [said for t, said in self.failures + self.errors if t.id().startswith(test.id())]
        reasons = [reason for t, reason in self.skipped if t.id() == test.id()]
        mark = f"<skipped message={quoteattr(reasons[0])}/>" if reasons else ""
        if bad:
            last_lines = "\n".join(bad[0].strip().splitlines()[-6:])
            mark = f"<failure message={quoteattr(last_lines)}/>"
        self.outcomes.append((test.id(), mark))
        super().stopTest(test)


def run_script(name: str) -> int:
    """All tests of the script that runs; `name` is that of its report."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(resultclass=Recorder, verbosity=1).run(suite)
    target = os.environ.get("GTEST_OUTPUT", "")
    if target.startswith("xml:"):
        cases = "".join(
            f'<testcase classname="{name}" name={quoteattr(test)}>'
            + f"{mark}</testcase>" for test, mark in result.outcomes)
        pathlib.Path(target[4:], f"{name}.xml").write_text(f"<testsuite>{cases}</testsuite>")
    return 0 if result.wasSuccessful() else 1

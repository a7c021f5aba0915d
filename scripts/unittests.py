"""unittests.py FOLDER TOP REPORT.json: all tests in FOLDER, imported from TOP; the counts go into the report."""

import json
import pathlib
import sys
import unittest


class CountingResult(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


folder, top, report = sys.argv[1:]
suite = unittest.defaultTestLoader.discover(folder, top_level_dir=top)
result = unittest.TextTestRunner(verbosity=2, resultclass=CountingResult).run(suite)
failed = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
failed |= {test.id() for test in result.unexpectedSuccesses}
counts = {"passed": result.passed, "failed": len(failed), "skipped": len(result.skipped)}
pathlib.Path(report).write_text(json.dumps(counts))
sys.exit(0 if result.wasSuccessful() else 1)

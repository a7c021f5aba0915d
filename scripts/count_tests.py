"""Counts what the test runners reported, and says it in one line: `N passed, N failed`.

usage: count_tests.py REPORTS "parts that ran" "parts that failed"

A failed part without a failed test (a linter, a build, a server that did not start) counts as one failed, and so
does a part that should have run tests but has no report of any. Exits with 1 when anything failed.
REPORTS/profile.txt says where the time went: seconds of each part, test class, spec and test file, the longest first.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple


class Count(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    retried: int = 0  # of those that passed: at their second try


def surefire(root):
    total = Count()
    for path in root.glob("inspector-*/target/surefire-reports/TEST-*.xml"):
        suite = ElementTree.parse(path).getroot()
        tests, failures, errors, skipped = (int(suite.get(a)) for a in ("tests", "failures", "errors", "skipped"))
        failed = failures + errors
        retried = sum(1 for t in suite.iter("testcase") if t.find("flakyFailure") is not None or t.find("flakyError") is not None)
        total = add(total, Count(tests - failed - skipped, failed, skipped, retried))
    return total


def vitest(path):
    report = read(path)
    # A file that does not load is a failed suite without tests.
    files = sum(1 for f in report.get("testResults", []) if f["status"] == "failed" and not f["assertionResults"])
    skipped = report.get("numPendingTests", 0) + report.get("numTodoTests", 0)
    return Count(report.get("numPassedTests", 0), report.get("numFailedTests", 0) + files, skipped)


def playwright(path):
    stats = read(path).get("stats", {})
    expected, flaky, unexpected, skipped = (stats.get(s, 0) for s in ("expected", "flaky", "unexpected", "skipped"))
    return Count(expected + flaky, unexpected, skipped, flaky)


def unittest(path):
    return Count(**read(path))


def profile(root, reports, parts):
    """(seconds, part, what), the longest first. What ran beside others counts whole: they add up to more than the clock's."""
    spent = []
    if "java" in parts or "cuda" in parts:
        for path in root.glob("inspector-*/target/surefire-reports/TEST-*.xml"):
            suite = ElementTree.parse(path).getroot()
            seconds = sum(float(t.get("time", 0)) for t in suite.iter("testcase"))
            spent.append((max(seconds, float(suite.get("time", 0))), "java", suite.get("name")))
    if "page" in parts:
        for file in read(reports / "vitest.json").get("testResults", []):
            spent.append(((file["endTime"] - file["startTime"]) / 1000, "page", pathlib.Path(file["name"]).name))
    if "e2e" in parts:
        for suite in read(reports / "playwright.json").get("suites", []):
            spent.append((sum(durations(suite)) / 1000, "e2e", suite["file"]))
    return sorted(spent, reverse=True)


def durations(suite):
    """Of all tries of all tests in a suite, in milliseconds."""
    for inner in suite.get("suites", []):
        yield from durations(inner)
    for spec in suite.get("specs", []):
        for test in spec["tests"]:
            yield from (result["duration"] for result in test["results"])


def lines(spent):
    return [f"{seconds:8.1f} s  {part:8} {what}" for seconds, part, what in spent]


def read(path):
    return json.loads(path.read_text()) if path.exists() else {}


def add(a, b):
    return Count(*(x + y for x, y in zip(a, b)))


def main(reports, parts, failed_parts):
    root = pathlib.Path(__file__).resolve().parent.parent
    reports = pathlib.Path(reports)
    counters = {
        "java": lambda: surefire(root),
        "cuda": lambda: surefire(root),
        "client": lambda: unittest(reports / "unittest.json"),
        "harness": lambda: unittest(reports / "harness.json"),
        "attack": lambda: unittest(reports / "attack.json"),
        "spark": lambda: unittest(reports / "spark.json"),
        "wheel": lambda: unittest(reports / "wheel.json"),
        "page": lambda: vitest(reports / "vitest.json"),
        "e2e": lambda: playwright(reports / "playwright.json"),
    }
    spent = profile(root, reports, parts)
    clocks = [(float(p.read_text()), p.stem, "all of it") for p in reports.glob("*.seconds")]
    file = reports / "profile.txt"
    file.write_text("\n".join([*lines(sorted(clocks, reverse=True)), "", *lines(spent), ""]))
    if spent:
        print("\n".join(["The slowest:", *lines(spent[:10]), f"All of them: {file}", ""]))
    total = Count()
    for part in parts:
        count = counters.get(part, Count)()
        nothing = part in counters and count.passed + count.failed == 0
        if (part in failed_parts or nothing) and count.failed == 0:
            count = count._replace(failed=1)
        ok = "FAILED" if count.failed else "ok"
        tests = f"{count.passed} passed, {count.failed} failed, {count.skipped} skipped" if part in counters else ""
        if count.retried:
            tests += f", {count.retried} at the second try"
        print(f"{part:8} {ok:7} {tests}".rstrip())
        total = add(total, count)
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2].split(), sys.argv[3].split()))

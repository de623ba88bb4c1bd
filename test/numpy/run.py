"""Our tests of the array API standard, and numpy's own of numpy.linalg, against tensorlane: a line of JSON a test, { id, outcome, why }.

python3 run.py NODE-COMMAND...
"""

import json
import pathlib
import sys

import bridge
import numpy.linalg
import pytest

child = bridge.Child(sys.argv[1:])
bridge.linalg.update(bridge.functions(child))


class Reporter:
    def __init__(self, of=""):
        self.of = of

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        crash = getattr(report.longrepr, "reprcrash", None)
        # The first and the last line: what is between them are tracebacks and numbers.
        lines = [] if report.passed or crash is None else [line for line in crash.message.splitlines() if line.strip()]
        why = " ... ".join(" ".join(line.split())[:120] for line in dict.fromkeys([*lines[:1], *lines[-1:]]))
        test = self.of + report.nodeid.split("::", 1)[-1]
        print(json.dumps({"id": test, "outcome": report.outcome, "why": why}), flush=True)


def run(tests, reporter):
    # What is printed beside the lines goes elsewhere.
    return pytest.main([*tests, "-p", "no:cacheprovider", "-p", "no:terminal"], plugins=[reporter])


# These compare with the genuine functions, where they need any.
codes = [run([str(pathlib.Path(__file__).with_name("array_api_test.py"))], Reporter("array API: "))]
# Before the tests are imported, which take them by name.
for name, function in bridge.linalg.items():
    function.__name__ = name
    setattr(numpy.linalg, name, function)
codes.append(run(["--pyargs", "numpy.linalg.tests.test_linalg"], Reporter()))
child.end()
sys.exit(next((int(code) for code in codes if code not in (0, 1)), 0))

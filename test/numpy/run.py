"""numpy's own tests of numpy.linalg against tensorlane: a line of JSON a test, { id, outcome, why }.

python3 run.py NODE-COMMAND...
"""

import json
import sys

import numpy.linalg
import pytest
from bridge import Child, functions

child = Child(sys.argv[1:])
# Before the tests are imported, which take them by name.
for name, function in functions(child).items():
    function.__name__ = name
    setattr(numpy.linalg, name, function)


class Reporter:
    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        crash = getattr(report.longrepr, "reprcrash", None)
        # The first and the last line: what is between them are tracebacks and numbers.
        lines = [] if report.passed or crash is None else [line for line in crash.message.splitlines() if line.strip()]
        why = " ... ".join(" ".join(line.split())[:120] for line in dict.fromkeys([*lines[:1], *lines[-1:]]))
        test = report.nodeid.split("::", 1)[-1]
        print(json.dumps({"id": test, "outcome": report.outcome, "why": why}), flush=True)


# What is printed beside the lines goes elsewhere.
code = pytest.main(
    ["--pyargs", "numpy.linalg.tests.test_linalg", "-p", "no:cacheprovider", "-p", "no:terminal"],
    plugins=[Reporter()],
)
child.end()
sys.exit(0 if code in (0, 1) else int(code))

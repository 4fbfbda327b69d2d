"""Time is one for the whole process: whoever changes it for a test changes it for every thread.

The loop of a server in another thread, asked in that moment how long it may sleep, sleeps for as
long as the machine has been up. So a test gives a clock of its own to the module that it tests.
"""

import ast
from pathlib import Path

TESTS = Path(__file__).parent


def clocks_changed(source):
    """The lines where an attribute of the module `time` is replaced."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and call.args:
            name = getattr(call.func, "attr", "")
            what = ast.unparse(call.args[0]).strip("'\"")
            if name in ("setattr", "patch", "object") and "time" in what.split("."):
                yield call.lineno


def test_no_test_changes_the_clock_of_the_whole_process():
    changed = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in TESTS.rglob("*.py")
        for line in clocks_changed(path.read_text(encoding="utf-8"))
    ]
    assert changed == []


def test_a_clock_of_the_whole_process_is_found():
    for change in (
        'patch.setattr(time, "monotonic", fake)',
        'patch.setattr(module.time, "sleep", fake)',
        'patch.setattr("time.monotonic", fake)',
    ):
        assert list(clocks_changed(change)) == [1]
    assert not list(clocks_changed('patch.setattr(stopwatch, "time", fake)'))

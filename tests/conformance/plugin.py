"""How Keras's cases are reported: passed, failed or not applicable, file by file."""

import collections
import textwrap

import pytest

GENERATED = "tests/conformance/test_keras.py::"
ASKED = {"long": False}
"""Whether all cases are asked for, which decides what there is to collect."""


def pytest_configure(config):
    ASKED["long"] = config.getoption("--long")
    config.addinivalue_line("markers", "requires_trainable_backend: Keras's own.")
    config.addinivalue_line(
        "markers", "not_applicable(reason): a case of Keras's that must not pass here."
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if not item.nodeid.startswith(GENERATED):
        return report
    mark = item.get_closest_marker("not_applicable")
    if mark is None:
        if report.skipped:
            report.outcome = "failed"
            report.longrepr = f"{report.longrepr}: exclude it, with a reason."
    elif report.when == "call" or not report.passed:
        if report.passed:
            report.outcome = "failed"
            report.longrepr = f"It is excluded ({mark.args[0]}) and passes: include it."
        else:
            report.outcome = "skipped"
            # As pytest has it of what is skipped; with -v it takes the reason of it.
            report.longrepr = (*item.location[:2], mark.args[0])
            report.not_applicable = mark.args[0]
    return report


def pytest_report_teststatus(report):
    if hasattr(report, "not_applicable"):
        return "not applicable", "-", "NOT APPLICABLE"
    return None


def pytest_terminal_summary(terminalreporter):
    counts = {}
    why = collections.Counter()
    for outcome in ("passed", "failed", "not applicable"):
        for report in terminalreporter.stats.get(outcome, []):
            if report.nodeid.startswith(GENERATED):
                file = report.nodeid.removeprefix(GENERATED).split("::")[0]
                seen = counts.setdefault(file.rpartition(".")[0], collections.Counter())
                seen[outcome] += 1
                if outcome == "not applicable":
                    why[report.not_applicable.split(":")[0]] += 1
    if not counts:
        return
    write = terminalreporter.write_line
    terminalreporter.write_sep("=", "Keras's own tests over this library")
    write(f"{'':42}{'passed':>8}{'failed':>8}{'not applicable':>16}")
    counts = dict(sorted(counts.items()))
    counts["all"] = sum(counts.values(), collections.Counter())
    for file, found in counts.items():
        numbers = found["passed"], found["failed"], found["not applicable"]
        write("{:42}{:8}{:8}{:16}".format(file, *numbers))
    why = ", ".join(f"{number} {reason}" for reason, number in why.most_common())
    why = f"not applicable: {why or 'run with --long'}"
    for line in textwrap.wrap(why, terminalreporter._tw.fullwidth):
        write(line)

"""The run as a whole: what is left out, how much is left, and what the README says."""

import pytest

from conformance import loading
from conformance.scope import SCOPE


def test_at_least_250_cases_apply():
    """Each of them passes or fails by itself in test_keras.py."""
    assert sum(case.reason is None for case in loading.all_cases()) >= 250


def test_only_files_in_scope_have_exclusions():
    assert set(loading.exclusions()) <= set(SCOPE)


@pytest.mark.parametrize("file", loading.exclusions())
def test_every_exclusion_leaves_out_a_case(file):
    used = {case.pattern for case in loading.cases(file)}
    assert set(loading.exclusions()[file]) <= used


def test_every_exclusion_has_a_reason_of_one_line():
    for patterns in loading.exclusions().values():
        for reason in patterns.values():
            assert reason.strip()
            assert "\n" not in reason
            assert len(reason) <= 100

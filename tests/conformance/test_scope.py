"""The run as a whole: what is left out, how much is left, and what the README says."""

import re

import pytest
from conftest import keras_on_jax

from conformance import loading, table
from conformance.scope import SCOPE


def test_at_least_4300_cases_apply():
    """Each of them passes or fails by itself in test_keras.py."""
    assert sum(case.reason is None for case in loading.all_cases()) >= 4300


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


def test_the_readme_has_the_table_of_this_run():
    block = table.written()
    assert block, "the README has lost the comments between which the table stands"
    with keras_on_jax() as keras:
        of = re.search(r"Keras (\S+)'s own", block)[1]
        if keras.__version__ != of:
            pytest.skip(f"the table is of Keras {of}, and {keras.__version__} is here.")
    assert block == table.made(), "run PYTHONPATH=tests python -m conformance.table"

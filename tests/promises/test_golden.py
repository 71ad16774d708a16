"""The hashes of small trainings are those of golden.json, where they can be.

Measured for JAX 0.7.0, 0.10.2 and 0.12.0: every version gives other bits, and so do
other instruction sets (AVX-512, AVX2, AVX). Neither the number of cores nor that of
threads changes any of these small ones; of large steps see test_cores.py. Elsewhere a
hash that differs says nothing about this library, and the test is skipped with what is
different there.
"""

import copy
import json

import golden
import pytest
from interpreter import run

KNOWN = json.loads(golden.FILE.read_text("utf-8"))


def test_the_bits_are_those_of_before():
    expected, why = golden.compare({"where": golden.where(), "hashes": {}}, KNOWN)
    if expected is None:
        pytest.skip(why)
    here = json.loads(run("tests/support/golden.py", "--print"))
    assert here["hashes"] == expected, (
        "other bits with the same versions on the same processor: the library computes "
        "something else than before. Where that is meant: tests/support/golden.py"
    )


def test_every_place_knows_every_model():
    names = [make.__name__ for make in golden.MODELS]
    for entry in KNOWN:
        assert list(entry["hashes"]) == names
        assert all(len(found) == 64 for found in entry["hashes"].values())
        # What two models share would show that a hash does not see them.
        assert len(set(entry["hashes"].values())) == len(names)


def changed(**where):
    entry = copy.deepcopy(KNOWN[0])
    entry["where"] |= where
    return entry


def test_where_all_is_the_same_the_hashes_are_compared():
    assert golden.compare(KNOWN[0], KNOWN)[0] == KNOWN[0]["hashes"]


@pytest.mark.parametrize("name", KNOWN[0]["where"])
def test_what_is_different_is_said(name):
    here = changed(**{name: "another"})
    expected, why = golden.compare(here, KNOWN[:1])
    assert expected is None
    was = KNOWN[0]["where"][name]
    assert f"nothing to compare with: {name} is another and not {was}, and bits" in why
    assert why.endswith("right: python tests/support/golden.py")
    assert "(4 of 4 models agree nevertheless)" in why
    here["hashes"]["images"] = "0" * 64
    assert "(3 of 4 models" in golden.compare(here, KNOWN[:1])[1]


def test_the_nearest_place_is_named():
    near, far = changed(jax="1.0"), changed(jax="1.1", numpy="3.0", optax="1.0")
    assert (
        "jax is 2.0 and not 1.0, and"
        in golden.compare(changed(jax="2.0"), [far, near])[1]
    )


def test_an_empty_file_says_how_to_begin():
    assert golden.compare(KNOWN[0], []) == (
        None,
        "nothing is known; add what is here: python tests/support/golden.py",
    )

"""Every argument of every public class refuses at once what is not of its kind.

The arguments are found by their annotations, so that a new one is met here too.
"""

import collections.abc
import inspect
import os
import types
import typing

import numpy as np
import pytest
from oracles import unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, JaxnetError, UnknownNameError

PLACES = (
    jn.layers,
    jn.losses,
    jn.metrics,
    jn.callbacks,
    jn.optimizers,
    jn.initializers,
    jn.regularizers,
)
NEEDED = {
    "activation": "relu",
    "backup_dir": "runs",
    "callbacks": [],
    "filename": "log.csv",
    "filepath": "best.safetensors",
    "fn": abs,
    "function": abs,
    "precision": 0.5,
    "rate": 0.5,
    "recall": 0.5,
    "scale": 2.0,
    "schedule": lambda epoch: 0.1,
    "sensitivity": 0.5,
    "shape": (3,),
    "specificity": 0.5,
    "stddev": 0.1,
    "target_shape": (3,),
    "units": 3,
}
"""Something good for each argument without a default."""

# What is of the wrong kind, by the kind that is asked for.
ALWAYS = ([1], {"a": 1}, b"3", 1j, object())
WRONG = {
    int: (*ALWAYS, "3", True, 1.5, np.nan, np.True_),
    float: (*ALWAYS, "3", True, np.nan, np.True_),
    bool: (*ALWAYS, "yes", 2, 0.5, np.nan),
    str: (*ALWAYS, 3, 0.5, True),
    os.PathLike: (*ALWAYS, 3, 0.5, True, ""),
    collections.abc.Callable: ([1], {"a": 1}, b"3", 3, True, object()),
}
LEFT_OUT = {"AdamState", "CallbackList"}
"""What the library makes itself."""


def kinds_of(annotation):
    """The types that an annotation allows, without those of its items."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return {k for a in typing.get_args(annotation) for k in kinds_of(a)}
    return {typing.get_origin(annotation) or annotation}


def public_classes():
    for place in PLACES:
        for name in sorted(getattr(place, "__all__", dir(place))):
            found = getattr(place, name)
            if (
                inspect.isclass(found)
                and found.__module__.startswith(place.__name__)
                and not inspect.isabstract(found)
                and not name.startswith("_")
                and name not in LEFT_OUT
            ):
                yield found


def wrong_for(argument, annotation):
    """What is of none of the kinds that an annotation allows."""
    allowed = kinds_of(annotation)
    kinds = sorted(allowed & WRONG.keys(), key=str)
    found = [
        value
        for value in (WRONG[kinds[0]] if kinds else ())
        if all(any(value is other for other in WRONG[kind]) for kind in kinds)
        and not (isinstance(value, list) and collections.abc.Sequence in allowed)
        and not (argument == "verbose" and value is True)
    ]
    return found + [None] * bool(kinds and types.NoneType not in allowed)


def cases():
    for kind in public_classes():
        parameters = inspect.signature(kind).parameters.values()
        needed = {
            p.name: NEEDED[p.name]
            for p in parameters
            if p.default is p.empty and p.kind is not p.VAR_KEYWORD
        }
        for p in parameters:
            annotation = getattr(p.annotation, "type", p.annotation)  # of an InitVar
            wrong = wrong_for(p.name, annotation)
            if wrong and p.kind is not p.VAR_KEYWORD:
                where = f"{kind.__module__.split('.')[1]}.{kind.__name__}-{p.name}"
                yield pytest.param(kind, needed, p.name, wrong, id=where)


@pytest.mark.parametrize(("kind", "needed", "argument", "wrong"), list(cases()))
def test_what_is_of_another_kind_is_refused_at_once(
    kind, needed, argument, wrong, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = [*argument.split("_"), "unknown"]
    for value in wrong:
        with unchecked_types(), pytest.raises(JaxnetError) as raised:
            kind(**{**needed, argument: value})
        message = str(raised.value)
        assert isinstance(raised.value, ArgumentError | UnknownNameError), message
        assert any(word in message for word in words), message
        # Where the class is named, that is the first word.
        firsts = (kind.__name__, "checkpoint, or backup_dir of")
        assert message.startswith(firsts) or kind.__name__ not in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "needed", "argument"),
    [pytest.param(*c.values[:3], id=c.id) for c in cases() if 2 in c.values[3]],
)
def test_0_and_1_are_as_good_as_flags(kind, needed, argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ends = {"filepath": "best.weights.safetensors"} if "filepath" in needed else {}
    for flag in (False, True):
        for value in (flag, int(flag), np.bool_(flag), np.int64(flag)):
            given = ends if argument == "save_weights_only" and flag else {}
            with unchecked_types():
                made = kind(**{**needed, **given, argument: value})
            assert getattr(made, argument) is flag


def test_there_is_something_to_try():
    tried = [case.values[2] for case in cases()]
    assert len(tried) > 200
    assert {"units", "patience", "learning_rate", "name", "thresholds"} <= {*tried}

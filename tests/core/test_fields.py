"""Checks declared with fields: who runs them, in which order, and what they leave."""

import dataclasses
from typing import Annotated

import numpy as np
import optax
import pytest
from oracles import unchecked_types

from jaxnet_mini import initializers, layers, optimizers, regularizers
from jaxnet_mini.base.arguments import check_count, check_flag, check_number
from jaxnet_mini.core.fields import Checked, check_fields
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError


@dataclasses.dataclass(frozen=True)
class Frozen(Value):
    count: Annotated[int, Checked(check_count)] = 1
    flag: Annotated[bool, Checked(check_flag)] = False
    rate: Annotated[float, Checked(check_number, least=0.5)] | None = None
    free: object = None


@dataclasses.dataclass
class Open(Value):
    count: Annotated[int, Checked(check_count, least=2)] = 1


def test_fields_hold_what_their_checks_return():
    value = Frozen(np.float64(3.0), 1, 0.75, "anything")
    assert (type(value.count), value.count) == (int, 3)
    assert value.flag is True
    assert value == Frozen(3, True, 0.75, "anything")
    assert Frozen().rate is None
    assert Open(np.int64(2)).count == 2


def test_messages_name_class_and_field_in_order():
    for arguments, said in [
        ((0, "no"), "Frozen: count must be an integer of at least 1, not 0."),
        ((1, "no"), "Frozen: flag must be True or False, not 'no'."),
        ((1, 0, 0.25), "Frozen: rate must be a finite number of at least 0.5, not"),
    ]:
        with pytest.raises(ArgumentError) as caught:
            Frozen(*arguments)
        assert str(caught.value).startswith(said)
    with pytest.raises(ArgumentError, match=r"^Open: count must be"):
        Open(1)


def test_nothing_is_checked_where_nothing_is_declared():
    class Plain(Value):
        def __init__(self, count):
            self.count = count

    assert Plain(0).count == 0
    check_fields(Plain(0))
    with unchecked_types():

        @dataclasses.dataclass(frozen=True)
        class Other(Frozen):
            count: int = 5

            def __post_init__(self):
                """A class that checks for itself."""

        assert Other(0, "no").flag == "no"
        with pytest.raises(dataclasses.FrozenInstanceError):
            Other(0).count = 1


def test_fields_of_subclasses_are_checked_with_those_of_their_base():
    with unchecked_types():

        @dataclasses.dataclass(frozen=True)
        class Polyak(optimizers.SGD):
            factory = staticmethod(lambda **_: optax.sgd(0.1))
            share: float = 0.5
            average: bool = True
            label: str = "any"

        assert Polyak(share=optax.constant_schedule(0.5), average=0).average is False
        assert Polyak(label=-1).label == -1
        for wrong, said in [
            ({"share": -1.0}, "Polyak: share must be a finite number of at least 0"),
            ({"average": "no"}, "Polyak: average must be True or False"),
            ({"momentum": 1.0}, r"Polyak: momentum must be a number in \[0, 1\)"),
            ({"learning_rate": -1}, "^learning_rate must be a finite number"),
        ]:
            with pytest.raises(ArgumentError, match=said):
                Polyak(**wrong)

        @dataclasses.dataclass(frozen=True)
        class Group(regularizers.L2):
            size: float = 1.0

            def __call__(self, x):
                return super().__call__(x)

        assert type(Group(1, 2).size) is type(Group(1, 2).l2) is float
        with pytest.raises(ArgumentError, match="Group: size must be a finite number"):
            Group(size=-1.0)

        @dataclasses.dataclass(frozen=True, repr=False)
        class Wide(layers.Dense):
            times: int = 2

        assert Wide(np.int64(3), use_bias=0, times=-1).use_bias is False
        with pytest.raises(ArgumentError, match=r"^units must be a positive integer"):
            Wide(0)


def test_what_a_name_stands_for_is_looked_up_and_not_kept():
    layer = layers.Dense(3, activation="relu", kernel_initializer="zeros")
    assert (layer.activation, layer.kernel_initializer) == ("relu", "zeros")
    with pytest.raises(ArgumentError, match="Constant: value must be a finite number"):
        initializers.Constant(float("nan"))

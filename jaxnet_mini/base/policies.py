"""Dtype policies: in which precision layers compute, by Keras's names."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

from jaxnet_mini.base.arguments import check_one_of
from jaxnet_mini.errors import ArgumentError, short

COMPUTE_DTYPES = {"float32": "float32", "mixed_bfloat16": "bfloat16"}
"""In what is computed, by the names of the policies."""

_CHOSEN: list[str | None] = [None]
"""The policy of models that are made from now on; None for none."""


def check_policy(argument: str, value: Any) -> str:
    """Return the name of a policy, given by its name, its object or a dtype.

    Raises:
        ArgumentError: it is none of those that are known.
    """
    name = getattr(value, "name", getattr(value, "__name__", value))
    if isinstance(name, str) and name in COMPUTE_DTYPES:
        return name
    raise ArgumentError(
        f'{argument} must be "float32" or "mixed_bfloat16", not {short(value)}: the '
        "latter computes in bfloat16, which needs no scaling of the loss, and keeps "
        "all that is learned in float32."
    )


def computing_in(compute_dtype: Any) -> str | None:
    """Return the name of the policy that computes in a dtype; None for none.

    Raises:
        ArgumentError: none does.
    """
    if compute_dtype is None:
        return None
    names = {dtype: name for name, dtype in COMPUTE_DTYPES.items()}
    return names[check_one_of("compute_dtype", compute_dtype, names)]


@dataclasses.dataclass(frozen=True)
class DTypePolicy:
    """In what layers compute and in what their weights are.

    Args:
        name: ``"float32"`` or ``"mixed_bfloat16"``.

    Raises:
        ArgumentError: it is neither.

    Source: https://keras.io/api/mixed_precision/policy/

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_policy("name", self.name))

    @property
    def compute_dtype(self) -> str:
        """Of activations and of what they are multiplied by."""
        return COMPUTE_DTYPES[self.name]

    @property
    def variable_dtype(self) -> str:
        """Of weights, of optimizers and of what layers remember.

        With ``jax_enable_x64`` these are float64, whatever a policy says.
        """
        return "float32"


def set_global_policy(policy: Any) -> None:
    """Choose in what models compute that are made from now on.

    Args:
        policy: ``"float32"``, ``"mixed_bfloat16"`` or a `DTypePolicy`.

    Raises:
        ArgumentError: it is none of these.

    Source: https://keras.io/api/mixed_precision/policy/

    >>> set_global_policy("mixed_bfloat16")
    >>> global_policy()
    DTypePolicy(name='mixed_bfloat16')
    >>> set_global_policy("float32")
    """
    name = check_policy("policy", policy)
    _CHOSEN[0] = None if name == "float32" else name


def global_policy() -> DTypePolicy:
    """Return what `set_global_policy` has chosen, ``"float32"`` at first."""
    return DTypePolicy(_CHOSEN[0] or "float32")


def chosen() -> str | None:
    """Return the name of the global policy; None where it changes nothing."""
    return _CHOSEN[0]


@contextlib.contextmanager
def choosing(name: str | None) -> Iterator[None]:
    """Make models of another policy within a block; None is for none."""
    before, _CHOSEN[0] = _CHOSEN[0], name
    try:
        yield
    finally:
        _CHOSEN[0] = before

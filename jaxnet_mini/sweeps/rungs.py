"""Successive halving within a sweep: which members go on, and after which epochs."""

import dataclasses
import math
from collections.abc import Sequence

from jaxnet_mini.base.arguments import check_count
from jaxnet_mini.errors import ArgumentError


@dataclasses.dataclass(frozen=True)
class Rungs:
    """Successive halving: members that fall behind stop early.

    All members train for ``min_resource`` epochs. Then the best of them go on, one of
    ``factor``, until ``factor`` times as many epochs are done; and so forth. So 27
    members and 27 epochs are 1 epoch of 27, 2 more of 9, 6 of 3 and 18 of the best:
    81 in place of 729. Members that differ in what shows late, such as small learning
    rates, ask for a larger ``min_resource``.

    Args:
        factor: one of how many goes on, and how many times as many epochs the next
            rung has; 2 or more.
        min_resource: the epochs before the first rung.

    Raises:
        ArgumentError: one is no integer of that kind.

    Source: Jamieson and Talwalkar 2016, https://arxiv.org/abs/1502.07943; the names
    are scikit-learn's and Optuna's.

    >>> Rungs(factor=3).epochs(27)
    [1, 3, 9]
    """

    factor: int = 3
    min_resource: int = 1

    def __post_init__(self) -> None:
        for name, least in (("factor", 2), ("min_resource", 1)):
            value = check_count(f"Rungs: {name}", getattr(self, name), least=least)
            object.__setattr__(self, name, value)

    def epochs(self, total: int) -> list[int]:
        """Return after how many epochs members are compared.

        Raises:
            ArgumentError: they never are.
        """
        if self.min_resource >= total:
            raise ArgumentError(
                f"Rungs: min_resource={self.min_resource} must be less than epochs, "
                f"which is {total}: no member would stop early."
            )
        found = [self.min_resource]
        while found[-1] * self.factor < total:
            found.append(found[-1] * self.factor)
        return found

    def behind(self, values: Sequence[float]) -> list[int]:
        """Return the indices of those that fall behind.

        Args:
            values: of the members, larger ones are better; NaN is behind all.
        """
        order = sorted(
            range(len(values)),
            key=lambda i: math.inf if math.isnan(values[i]) else -values[i],
        )
        return sorted(order[math.ceil(len(values) / self.factor) :])

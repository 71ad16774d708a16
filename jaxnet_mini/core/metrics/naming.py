"""By what names metrics go in the logs."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, TypeAlias

from jaxnet_mini.core.metrics.base import Metric
from jaxnet_mini.errors import ArgumentError

Pairs: TypeAlias = Sequence[tuple[Any, Any]]
"""What the user wrote, each with the metric that it stands for."""


def named(
    plain: Pairs, weighted: Pairs
) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    """Return the metrics and the weighted ones, by different names.

    As in Keras, default names are numbered, ``auc``, ``auc_1``; but a weighted metric
    is called ``weighted_...`` where another has its name, unless Keras numbers its
    class.

    Args:
        plain: the metrics.
        weighted: the weighted ones.

    Raises:
        ArgumentError: the user gave one name twice, or the name ``"loss"``.
    """
    taken: set[str] = set()
    reserved: set[str] = set()
    for pairs in (plain, weighted):
        chosen = [metric.name for entry, metric in pairs if _is_chosen(entry, metric)]
        for name in chosen:
            if chosen.count(name) > 1:
                raise _twice(name)
        reserved |= {*chosen}

    def renamed(metric: Metric, prefix: str = "") -> Metric:
        name = new = prefix + metric.name
        if name == "loss":
            raise _twice(name)
        numbers = itertools.count(1)
        while new in taken or (new != name and new in reserved):
            new = f"{name}_{next(numbers)}"
        taken.add(new)
        return metric if new == metric.name else metric.renamed(new)

    def prefix(entry: Any, metric: Metric) -> str:
        made = isinstance(entry, Metric | type) and not _is_chosen(entry, metric)
        same = isinstance(entry, Metric) and any(entry is other for other, _ in plain)
        apart = made and metric.is_numbered and not same
        return "weighted_" if metric.name in taken and not apart else ""

    first = tuple(renamed(metric) for _, metric in plain)
    second = tuple(renamed(metric, prefix(entry, metric)) for entry, metric in weighted)
    return first, second


def _is_chosen(entry: Any, metric: Any) -> bool:
    """Tell whether the user gave the name, as far as a value shows that."""
    own: bool = metric.name != metric.default_name
    return isinstance(entry, str) or (dataclasses.is_dataclass(metric) and own)


def _twice(name: str) -> ArgumentError:
    return ArgumentError(
        f"two metrics go by the name {name!r} in the logs: drop one or rename it."
    )

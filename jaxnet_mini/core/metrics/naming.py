"""By what names metrics go in the logs."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from jaxnet_mini.core.metrics.base import Metric
from jaxnet_mini.errors import ArgumentError


def named(
    given: Sequence[Any],
    metrics: Sequence[Metric],
    given_weighted: Sequence[Any],
    weighted_metrics: Sequence[Metric],
) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    """Return the metrics and the weighted ones, by different names.

    As in Keras, default names are numbered, ``auc``, ``auc_1``; but a weighted metric
    that is given by a name, as a function, or as the very object that stands among the
    others is called ``weighted_...`` instead.

    Args:
        given: what the user wrote.
        metrics: what that stands for.
        given_weighted: what the user wrote for the weighted ones.
        weighted_metrics: what that stands for.

    Raises:
        ArgumentError: the user gave one name twice, or the name ``"loss"``.
    """
    reserved: set[str] = set()
    for entries, resolved in ((given, metrics), (given_weighted, weighted_metrics)):
        pairs = zip(entries, resolved, strict=True)
        chosen = [metric.name for entry, metric in pairs if _is_chosen(entry, metric)]
        for name in chosen:
            if chosen.count(name) > 1:
                raise _twice(name)
        reserved |= {*chosen}
    taken: set[str] = set()

    def renamed(metric: Metric, name: str) -> Metric:
        if name == "loss":
            raise _twice(name)
        number = 0
        new = name
        while new in taken or (number and new in reserved):
            number += 1
            new = f"{name}_{number}"
        taken.add(new)
        return metric if new == metric.name else metric.renamed(new)

    first = tuple(renamed(metric, metric.name) for metric in metrics)
    second = []
    for entry, metric in zip(given_weighted, weighted_metrics, strict=True):
        again = (
            _is_chosen(entry, metric) or not _is_metric(entry) or _among(entry, given)
        )
        prefix = "weighted_" if again and metric.name in taken else ""
        second.append(renamed(metric, f"{prefix}{metric.name}"))
    return first, tuple(second)


def _is_chosen(entry: Any, metric: Metric) -> bool:
    """Tell whether the user gave the name, as far as a value shows that."""
    by_value = dataclasses.is_dataclass(metric) and metric.name != metric.default_name
    return isinstance(entry, str) or by_value


def _is_metric(entry: Any) -> bool:
    return isinstance(entry, Metric | type)


def _among(entry: Any, given: Iterable[Any]) -> bool:
    return any(entry is other for other in given if isinstance(entry, Metric))


def _twice(name: str) -> ArgumentError:
    return ArgumentError(
        f"two metrics go by the name {name!r} in the logs: drop one or rename it."
    )

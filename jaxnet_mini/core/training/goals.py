"""What is asked of each output of a network: its loss, and what else is counted."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxnet_mini.base.arguments import is_number, named_parts
from jaxnet_mini.core import losses, metrics
from jaxnet_mini.core.activations import Activation, linear
from jaxnet_mini.core.losses import Loss
from jaxnet_mini.core.metrics import Metric
from jaxnet_mini.errors import ArgumentError

ARGUMENTS = ("loss", "metrics", "weighted_metrics", "loss_weights")
"""Those of ``compile`` that may be several, one for each output."""


class Goal(NamedTuple):
    """What is asked of one output.

    Args:
        name: of the output; None where the network has one.
        place: of the output among all.
        loss: what is minimised; None for nothing.
        weight: what its loss is multiplied by, or None.
        metrics: what else is counted, by the names in the logs.
        weighted_metrics: likewise, examples by their weights.
        loss_name: what its loss is called in the logs, beside that of all outputs; None
            where it is the only one.
        activation: makes predictions of the output.
    """

    name: str | None
    place: int
    loss: Loss | None
    weight: float | None
    metrics: tuple[Metric, ...]
    weighted_metrics: tuple[Metric, ...]
    loss_name: str | None = None
    activation: Activation = linear

    def of(self, tree: Any) -> Any:
        """Return what belongs to this output: one array belongs to each."""
        if self.name is None or not isinstance(tree, tuple | list | Mapping):
            return tree
        return tree.get(self.name) if isinstance(tree, Mapping) else tree[self.place]


def resolved(
    names: Sequence[str],
    loss: Any,
    counted: Any,
    weighted: Any,
    loss_weights: Any,
    *,
    named: bool = True,
    keyed: bool = False,
) -> dict[str, Any]:
    """Return the arguments of a trainer, for several outputs as tuples in their order.

    Args:
        names: of several outputs; () for one.
        loss: one for all, or a list or a dictionary of them; None for an output that
            is not trained.
        counted: the metrics, a list of lists or a dictionary of them.
        weighted: the weighted ones, likewise.
        loss_weights: a number for all losses, or a list or a dictionary.
        named: whether the outputs have names in the logs.
        keyed: whether they come in a dictionary: one of losses may then leave out what
            is not trained, as in Keras.

    Raises:
        ArgumentError, UnknownNameError: one of them is none of these.
    """
    if not names:
        counted, weighted = metrics.resolved(counted, weighted)
        least = None if loss is None else losses.get(loss)
        one = least, counted, weighted, loss_weights
        return dict(zip(ARGUMENTS, one, strict=True))
    if len({*names}) < len(names):
        raise ArgumentError(
            f"two outputs have one name, {', '.join(map(repr, names))}: give a "
            "dictionary of outputs, whose keys tell them apart."
        )
    several = isinstance(loss, list | tuple | Mapping)
    chosen = (loss,) * len(names)
    if several:
        chosen = _by_output("loss", loss, names, () if keyed else None)
    chosen = tuple(None if own is None else losses.get(own) for own in chosen)
    if several and not any(chosen):
        raise ArgumentError("loss is None for all outputs: give it for one at least.")
    pairs = [
        metrics.resolved(*map(listed, own))
        for own in zip(
            _by_output("metrics", counted or {}, names, ()),
            _by_output("weighted_metrics", weighted or {}, names, ()),
            strict=True,
        )
    ]
    if not named:
        pairs = _numbered(pairs)
        words = loss if isinstance(loss, list | tuple) else (loss,) * len(names)
        chosen = tuple(map(_called, chosen, words))
    plain, others = zip(*pairs, strict=True)
    trained = [name for name, one in zip(names, chosen, strict=True) if one is not None]
    own = chosen, plain, others, _weights(loss_weights, names, trained)
    return dict(zip(ARGUMENTS, own, strict=True))


def _called(loss: Loss | None, word: Any) -> Loss | None:
    """Return a loss by the name that it has in the logs: the word that it came by."""
    if loss is None or loss.name is not None or not isinstance(word, str):
        return loss
    return dataclasses.replace(loss, name=word)


def _numbered(
    pairs: Sequence[tuple[tuple[Metric, ...], tuple[Metric, ...]]],
) -> list[tuple[tuple[Metric, ...], tuple[Metric, ...]]]:
    """Return metrics of outputs without names by other names, numbered as in Keras."""
    taken: dict[str, int] = {}

    def renamed(metric: Metric, prefix: str = "") -> Metric:
        name = f"{prefix if metric.name in taken else ''}{metric.name}"
        return metric.renamed(numbered(taken, name))

    plain = [tuple(map(renamed, own)) for own, _ in pairs]
    others = [tuple(renamed(one, "weighted_") for one in own) for _, own in pairs]
    return list(zip(plain, others, strict=True))


def numbered(taken: dict[str, int], name: str) -> str:
    """Return a name, with a number where it is taken already, and take note of it.

    >>> [numbered(taken, "mae") for taken in [{}] for _ in range(2)]
    ['mae', 'mae_1']
    """
    number = taken[name] = taken.get(name, -1) + 1
    return f"{name}_{number}" if number else name


def _by_output(
    argument: str, value: Any, names: Sequence[str], needed: Any = None
) -> tuple[Any, ...]:
    parts = named_parts(argument, value, names, "outputs", needed)
    return tuple(parts[name][1] if name in parts else None for name in names)


def listed(given: Any) -> tuple[Any, ...]:
    """Return none, one or several as a tuple."""
    if given is None:
        return ()
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _weights(
    given: Any, names: Sequence[str], trained: Sequence[str]
) -> tuple[float, ...] | None:
    if given is None or is_number(given):
        given = [given] * len(names)
    found = _by_output("loss_weights", given, names, trained)
    weights = [1.0 if weight is None else weight for weight in found]
    for name, weight in zip(names, weights, strict=True):
        if not is_number(weight) or not math.isfinite(weight):
            raise ArgumentError(
                f"loss_weights gives {name!r} {weight!r}, and a finite number is "
                "expected."
            )
    return None if {*weights} == {1} else tuple(map(float, weights))


def goals_of(
    names: Sequence[str],
    loss: Any,
    counted: Any,
    weighted: Any,
    loss_weights: Any,
    *,
    named: bool = True,
) -> tuple[Goal, ...]:
    """Return what each output is asked, of what `resolved` returned.

    As in Keras the logs have the metrics of an output by ``<output>_<metric>``, and its
    loss by ``<output>_loss`` where several outputs have one. Without names they have
    ``<metric>`` and ``<loss>_loss``, numbered where one comes twice.

    Raises:
        ArgumentError: two numbers go by one name in the logs.
    """
    if not names:
        return (Goal(None, 0, loss, loss_weights, counted, weighted),)
    trained = len(loss) - loss.count(None) > 1
    found, logs = [], dict[str, int]()
    for place, name in enumerate(names):

        def renamed(given: tuple[Metric, ...], name: str = name) -> tuple[Metric, ...]:
            if len(names) == 1 or not named:
                return given
            return tuple(metric.renamed(f"{name}_{metric.name}") for metric in given)

        own = loss[place]
        weight = None if loss_weights is None else loss_weights[place]
        logged = None
        if trained and own is not None:
            of_loss = f"{name if named else losses.name_of(own)}_loss"
            logged = numbered(logs, of_loss)
        asked = renamed(counted[place]), renamed(weighted[place])
        found.append(Goal(name, place, own, weight, *asked, logged))
    _check_names([name for goal in found for name in names_in(goal)])
    return tuple(found)


def metrics_of(goals: Sequence[Goal]) -> tuple[Metric, ...]:
    """Return the metrics of all, then the weighted ones."""
    plain = (metric for goal in goals for metric in goal.metrics)
    return (*plain, *(metric for goal in goals for metric in goal.weighted_metrics))


def act_by_row(goals: Sequence[Goal]) -> bool:
    """Return whether all losses and metrics are known to treat each row by itself."""
    asked = all(losses.acts_by_row(goal.loss) for goal in goals if goal.loss)
    return asked and all(map(metrics.acts_by_row, metrics_of(goals)))


def are_means(goals: Sequence[Goal], weighted: bool) -> bool:
    """Return whether all losses are means over rows, see `losses.is_mean`."""
    return all(losses.is_mean(goal.loss, weighted) for goal in goals if goal.loss)


def check_reductions(goals: Sequence[Goal]) -> None:
    """Raise an ArgumentError where a loss is not reduced to one number."""
    for goal in goals:
        if goal.loss is not None and goal.loss.reduction in (None, "none"):
            raise ArgumentError(
                f"the loss {goal.loss!r} is not reduced to one number, and training "
                'needs one: leave reduction out, or use "sum".'
            )


def for_units(
    goals: Sequence[Goal], counted: Any, units: Sequence[int | None]
) -> tuple[Any, ...]:
    """Return metrics that know how many units each output has.

    Args:
        goals: one for each output.
        counted: the metrics of a trainer.
        units: of each output; None where it has no axis.
    """
    several = (counted,) if goals[0].name is None else counted
    own = tuple(
        tuple(metric if n is None else metric.for_outputs(n) for metric in asked)
        for asked, n in zip(several, units, strict=True)
    )
    return own[0] if goals[0].name is None else own


def names_in(goal: Goal) -> list[str]:
    """Return by what names the logs have what an output is asked."""
    own = [] if goal.loss_name is None else [goal.loss_name]
    return own + [metric.name for metric in (*goal.metrics, *goal.weighted_metrics)]


def _check_names(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(
                f"two losses or metrics of outputs go by {name!r} in the logs: rename "
                "an output or a metric."
            )

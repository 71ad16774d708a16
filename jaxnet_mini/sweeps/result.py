"""What a sweep has found: its members, as a table, as models and as a picture."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from jaxnet_mini.base import notices
from jaxnet_mini.base.arguments import as_integer
from jaxnet_mini.callbacks import EarlyStopping, History
from jaxnet_mini.callbacks.monitor import MonitorCallback
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.ensemble import Ensemble, stacked
from jaxnet_mini.core.networks.graph import Graph, Node
from jaxnet_mini.core.networks.serial import Serial
from jaxnet_mini.core.types import Layer
from jaxnet_mini.errors import ArgumentError, StateError, find, import_extra
from jaxnet_mini.models import held as holding
from jaxnet_mini.models.load import of_copied
from jaxnet_mini.models.model import Model
from jaxnet_mini.plotting.figure import new_figure
from jaxnet_mini.sweeps.table import MOST_LINES, NOTE, Table

if TYPE_CHECKING:
    import matplotlib.figure


@dataclasses.dataclass(frozen=True)
class Member:
    """One model of a sweep.

    Args:
        settings: its hyper-parameters, by name.
        model: fitted and compiled; ``fit`` goes on where it stopped.
        history: what ``fit`` would have returned.
        note: why it ended early, where its loss or a weight turned NaN or it fell
            behind others, else "".
        epoch: the index of the epoch whose weights it has, None where none ended.
        net: its layers, but for numbers that matter in training alone.
    """

    settings: dict[str, Any]
    model: Model
    history: History
    note: str
    epoch: int | None
    net: Layer

    @property
    def logs(self) -> dict[str, Any]:
        """Loss and metrics of the epoch whose weights the model has."""
        places = self.history.epochs_of
        return {
            name: values[places[name].index(self.epoch)]
            for name, values in self.history.history.items()
            if self.epoch in places[name]
        }


class Ranking(MonitorCallback):
    """Says which of two members is better, see `MonitorCallback`."""


class SweepResult(Sequence[Member]):
    """The members of a sweep, in the order of the combinations.

    Args:
        members: as they ended.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = list(members)

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> list[Member]: ...
    def __getitem__(self, index: int | slice) -> Member | list[Member]:
        return self._members[index]

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def __repr__(self) -> str:
        return f"<SweepResult of {len(self)} members over {', '.join(self.names)}>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    @property
    def names(self) -> list[str]:
        """What differs, in the order of the space."""
        return list(self._members[0].settings)

    @property
    def monitored(self) -> list[str]:
        """The names of loss and metrics that are one number each."""
        named: dict[str, None] = {}
        for member in self:
            logs = member.logs
            named |= dict.fromkeys(name for name in logs if not np.ndim(logs[name]))
        return list(named)

    def ranked(self, monitor: str = "val_loss", mode: str = "auto") -> list[Member]:
        """Return the members whose training went well to its end, the best first.

        Those that were not validated after the epoch whose weights they have are left
        out, and a warning says so.

        Args:
            monitor: a loss or a metric, as the history has it, at the epoch whose
                weights the model has.
            mode: ``"min"``, ``"max"`` or ``"auto"``, which goes by the name.

        Raises:
            UnknownNameError: nothing of this name was logged.
            ArgumentError: ``mode="auto"`` cannot tell.
            StateError: no member was validated after that epoch.
        """
        self._check_logged(monitor)
        find(dict.fromkeys(self.monitored), monitor, "loss or metric")
        ranking = Ranking(monitor, mode)
        ranking.set_model(self._members[0].model)
        sign = ranking.sign
        known = [m for m in self if not m.note and _finite(m.logs.get(monitor))]
        return sorted(known, key=lambda member: -sign * member.logs[monitor])

    def _check_logged(self, monitor: str) -> None:
        """Tell of members that have the figure of other epochs than their own.

        Raises:
            StateError: all of them.
        """
        logged = [m for m in self if not m.note and monitor in m.history.history]
        missing = sum(monitor not in member.logs for member in logged)
        if not missing:
            return
        told = (
            f"{missing} of {len(self)} members have no {monitor!r} of the epoch whose "
            "weights they have, after which validation_freq left it out: "
        )
        advice = "sweep with validation_freq=1, or call evaluate of their models."
        if missing == len(logged):
            raise StateError(told + advice)
        notices.warn(f"{told}they are not ranked. To have them ranked, {advice}")

    def best(self, monitor: str = "val_loss", mode: str = "auto") -> Model:
        """Return the best model, fitted and compiled, see `ranked`.

        Raises:
            StateError: the loss of every member turned NaN; see also `ranked`.
        """
        return self._first(1, monitor, mode)[0].model

    def _first(self, k: int, monitor: str, mode: str) -> list[Member]:
        ranked = self.ranked(monitor, mode)
        if len(ranked) < k:
            raced = any("fell behind" in member.note for member in self)
            raise StateError(
                f"{len(ranked)} of {len(self)} members ended with a finite "
                f"{monitor!r}, and {k} are needed: see result.table(), and try smaller "
                f"learning rates{', or let fewer fall behind' if raced else ''}."
            )
        return ranked[:k]

    def ensemble(self, k: int, monitor: str = "val_loss", mode: str = "auto") -> Model:
        """Return one model whose outputs are the mean of those of the k best.

        It predicts with all of them in one call of one program, and is compiled with
        what they were, so that `evaluate` tells how good they are together.

        Args:
            k: how many, from 1 to all.
            monitor: see `ranked`.
            mode: likewise.

        Raises:
            ArgumentError: there are no such ``k`` members.
            StateError: fewer than ``k`` ended well.
        """
        number = as_integer(k)
        if number is None or not 1 <= number <= len(self):
            raise ArgumentError(
                f"k must be an integer from 1 to {len(self)}, the number of members, "
                f"not {k!r}."
            )
        chosen = self._first(number, monitor, mode)
        kinds: dict[Layer, list[Member]] = {}
        for member in chosen:
            kinds.setdefault(member.net, []).append(member)
        layer = Ensemble(tuple(kinds), tuple(map(len, kinds.values())))
        trainer = chosen[0].model.trainer
        if trainer.outputs:
            raise ArgumentError(
                f"an ensemble is of networks of one output, and these have "
                f"{len(trainer.outputs)}: predict with each, and take the means."
            )
        shape = holding.of(chosen[0].model).blueprint.input_shape
        net: Any = Serial((layer,))
        inputs = getattr(chosen[0].net, "inputs", "")
        if isinstance(inputs, tuple):
            taken: Any = inputs if isinstance(inputs[0], str) else dict(inputs)
            net = Graph((Node("ensemble", layer, taken),), inputs, "ensemble")
        model = of_copied(net, shape, "ensemble", None, like=None)
        model.compile(
            trainer.optimizer,
            trainer.loss,
            list(trainer.metrics),
            list(trainer.weighted_metrics),
            loss_weights=trainer.loss_weights,
            train_step=trainer.train_step,
        )
        ((outer, _),) = model.params.items()
        params, remembered = {}, {}
        for (name, net, _), members in zip(layer._named(), kinds.values(), strict=True):
            params[name] = stacked([member.model.params for member in members])
            if protocol.has_state(net):
                states = [member.model.layer_state for member in members]
                remembered[name] = stacked(states)
        model.params = {outer: params}
        if remembered:
            model.layer_state = {outer: remembered}
        return model

    def table(self, sort_by: str | None = None, mode: str = "auto") -> Table:
        """Return a table of all members, to print, or to end a notebook's cell with.

        Args:
            sort_by: a loss or a metric, the best first and what went wrong last; or a
                name of the space. None keeps the order of the combinations.
            mode: see `ranked`.

        Raises:
            UnknownNameError: it is neither.
        """
        columns, rows = self._columns(), list(self)
        if sort_by in self.names:
            rows.sort(key=lambda member: _sortable(member.settings[sort_by]))
        elif sort_by is not None:
            if sort_by not in self.monitored:
                self._check_logged(sort_by)
            find(dict.fromkeys([*self.names, *self.monitored]), sort_by, "column")
            ranked = self.ranked(sort_by, mode)
            rows = ranked + [m for m in self if not any(m is r for r in ranked)]
        texts = [
            [_text(value) for value in self._row(member, columns)] for member in rows
        ]
        return Table(columns, texts)

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame``, a row for each member.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        pandas = import_extra("pandas", "pandas")
        columns = self._columns()
        rows = [self._row(member, columns) for member in self]
        return pandas.DataFrame(rows, columns=columns)

    def _columns(self) -> list[str]:
        note = [NOTE] if any(member.note for member in self) else []
        return [*self.names, *self.monitored, "epochs", *note]

    def _row(self, member: Member, columns: Sequence[str]) -> list[Any]:
        ended = {"epochs": len(member.history.epoch), NOTE: member.note}
        known = member.logs | member.settings | ended
        return [known.get(name, math.nan) for name in columns]

    def plot(self, x: str, y: str = "val_loss") -> "matplotlib.figure.Figure":
        """Draw a loss or a metric against a hyper-parameter, one line for the others.

        Each line is one combination of all other settings, such as a seed. Values that
        are not finite are left out. The axis is logarithmic where the values go over
        a factor of 10 or more.

        Args:
            x: a name of the space.
            y: a loss or a metric.

        Raises:
            UnknownNameError: one of them is none.
            MissingExtraError: matplotlib is not installed.
        """
        find(dict.fromkeys(self.names), x, "name of the space")
        find(dict.fromkeys(self.monitored), y, "loss or metric")
        values = list({repr(m.settings[x]): m.settings[x] for m in self}.values())
        numeric = all(isinstance(value, int | float) for value in values)
        lines: dict[str, list[tuple[Any, float]]] = {}
        for member in self:
            others = [f"{n} {_text(v)}" for n, v in member.settings.items() if n != x]
            value = member.logs.get(y, math.nan)
            if not math.isfinite(value):
                continue
            at = member.settings[x]
            at = at if numeric else [repr(v) for v in values].index(repr(at))
            lines.setdefault(", ".join(others), []).append((at, value))
        figure = new_figure(6.4, 4.2)
        axes = figure.add_subplot()
        _draw(axes, lines)
        if not numeric:
            axes.set_xticks(range(len(values)), [str(value) for value in values])
        elif min(values) > 0 and max(values) >= 10 * min(values):
            axes.set_xscale("log")
        axes.set_xlabel(x, parse_math=False)
        axes.set_ylabel(y, parse_math=False)
        axes.grid(alpha=0.3)
        return figure


def _draw(axes: Any, lines: dict[str, list[tuple[Any, float]]]) -> None:
    colours = import_extra("matplotlib", "plot").colormaps["cividis"]
    for number, (label, points) in enumerate(lines.items()):
        points.sort()
        colour = colours(0.9 * number / max(1, len(lines) - 1))
        marker = "os^Dv<>pXP*h"[number % 12]
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=label,
                  markersize=4, linewidth=1.2)  # fmt: skip
    if not lines:
        axes.text(0.5, 0.5, "no finite value", ha="center", transform=axes.transAxes)
    elif list(lines) != [""] and len(lines) <= MOST_LINES:
        axes.legend(fontsize="small")


def epoch_of(history: History, callbacks: Sequence[Any]) -> int | None:
    """Return the index of the epoch whose weights a model has after its training."""
    for callback in callbacks:
        if isinstance(callback, EarlyStopping) and callback.best_weights is not None:
            return callback.best_epoch
    return history.epoch[-1] if history.epoch else None


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _sortable(value: Any) -> tuple[bool, Any]:
    number = isinstance(value, int | float)
    return not number, value if number else str(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)

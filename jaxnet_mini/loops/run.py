"""What a call of ``fit`` asks of who keeps how far it is; and where nobody does."""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from jaxnet_mini.callbacks.base import Callback
from jaxnet_mini.core.training.point import Point
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.data.plan import Plan


@runtime_checkable
class Run(Protocol):
    """A call of ``fit``: where it starts, and who keeps how far it is.

    Attributes:
        plan: how to go through the data.
        start: where to start.
        state: the model's there; None where it is what the model has.
    """

    plan: Plan
    start: Point
    state: TrainState | None

    def put_back(self, learner: Any, callbacks: Iterable[Callback]) -> None:
        """Give learner and callbacks what they were at the start, if it is known."""

    def steps_until_due(self, done: int) -> int | None:
        """Return after how many steps to call `keep`; None where epochs are enough."""

    def keep(
        self, point: Point, learner: Any, callbacks: Iterable[Callback], ended: bool
    ) -> None:
        """Keep how far it is, where that is due or the run has ended."""

    def finish(self) -> None:
        """Wait until all is kept; called once training has ended well."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *_: object) -> None:
        """Let go of what keeps it; called however training has ended."""


class UnkeptRun:
    """A call of ``fit`` of which nothing is kept, see `Run`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.start = Point(plan.initial_epoch)
        self.state: TrainState | None = None

    def put_back(self, learner: Any, callbacks: Iterable[Callback]) -> None:
        """Nothing was kept."""

    def steps_until_due(self, done: int) -> int | None:
        """Nothing is due."""
        return None

    def keep(
        self, point: Point, learner: Any, callbacks: Iterable[Callback], ended: bool
    ) -> None:
        """Nothing is kept."""

    def finish(self) -> None:
        """Nothing is to be waited for."""

    def __enter__(self) -> "UnkeptRun":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is to be let go of."""

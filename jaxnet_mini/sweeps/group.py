"""Many models at once: one compiled loop over a stack of them.

What runs is the loop of `jaxnet_mini.core.training.trainer` under ``jax.vmap``: a
member that has stopped takes no more steps, and its state stays as it is while others
go on. With a mesh each device trains its own members, without a word to the others.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnet_mini.base import interrupts
from jaxnet_mini.callbacks import CallbackList, History, Logs
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.training.finish import finished
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.sums import Progress, Sums
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import is_key
from jaxnet_mini.data.plan import Plan
from jaxnet_mini.devices import memory, programs, transfers
from jaxnet_mini.devices.placement import DATA, Placement
from jaxnet_mini.devices.programs import Program
from jaxnet_mini.errors import NonFiniteError
from jaxnet_mini.loops import padding, steps
from jaxnet_mini.loops.feed import Piece
from jaxnet_mini.loops.logs import sums_to_logs, with_held_out
from jaxnet_mini.loops.prepare import Prepared
from jaxnet_mini.models.model import Model
from jaxnet_mini.views.summary import size

COPIES = 4
"""How often a member's state is there while it trains: before a step and after it, the
gradients, and one for what is computed on the way."""


@dataclasses.dataclass(frozen=True)
class Whole(Placement):
    """Everything whole on each device: members are shared out, not their batches."""

    @property
    def shards(self) -> int:
        """In how many parts a batch is split."""
        return 1


@dataclasses.dataclass
class Trainee:
    """One model on its way.

    Args:
        model: with its first state; it has the last one in the end.
        trainer: what it runs.
        plan: how it goes through the data.
        callbacks: its own, of which ``history`` is the last.
        history: receives the timing.
    """

    model: Model
    trainer: Trainer
    plan: Plan
    callbacks: CallbackList
    history: History


def at_once(state: TrainState, shards: int, needed: int) -> int:
    """Return how many members to train at once.

    On a CPU one on each device: measured with 64-128-10 at batch 32, with 784-128-10
    at 32 and at 256, two to sixteen on a device gave no dependable gain over one after
    another. Elsewhere as many as half of the free memory holds.

    Args:
        state: of one of them, or its shapes.
        shards: the devices.
        needed: bytes that are needed on each device besides.
    """
    if jax.default_backend() == "cpu":
        return shards
    free = memory.available()
    if free is None:
        return shards * 64
    own = COPIES * max(1, size(_keyless(state)))
    return shards * max(1, (free - needed) // 2 // own)


@functools.cache
def _programs(mesh: Mesh | None) -> tuple[Program, Program]:
    """Return the programs that train and that evaluate a stack of members."""

    def spread(function: Callable[..., Any], *axes: int | None) -> Callable[..., Any]:
        stacked = jax.vmap(function, axes)
        if mesh is None:
            return stacked
        own, whole = PartitionSpec(DATA), PartitionSpec()
        specs = tuple(whole if axis is None else own for axis in axes)
        shared_out: Callable[..., Any] = jax.shard_map(
            stacked, mesh=mesh, in_specs=specs, out_specs=own, check_vma=False
        )
        return shared_out

    # The examples, and where the steps begin, are those of all members.
    loop = spread(Trainer.loop, 0, 0, None, 0, None, 0, 0)
    evaluate = spread(Trainer.evaluate, 0, 0, None, None, None, 0)
    return (
        Program(loop, cpu_options=programs.FAST, rows=_rows_of_a_step),
        Program(evaluate, rows=programs.rows_of_a_batch),
    )


def _rows_of_a_step(*arguments: Any) -> int:
    orders = arguments[3]
    return math.prod(orders.shape[2:])


class Group:
    """Members that train together.

    Args:
        members: of one structure; they differ in numbers.
        prepared: what they learn from; everything lies whole on each device.
        report: called after each epoch with the share of all epochs that is done.
        places: for how many the program is made; by default for as many.
    """

    def __init__(
        self,
        members: Sequence[Trainee],
        prepared: Prepared,
        report: Callable[[float], None],
        places: int = 0,
    ) -> None:
        self.members = list(members)
        self.prepared = prepared
        self.report = report
        mesh = prepared.place.mesh
        self.mesh = mesh if mesh is not None and DATA in mesh.axis_names else None
        shards = 1 if self.mesh is None else self.mesh.shape[DATA]
        # Devices have equally many: places that are left hold a copy that stands still.
        places = max(places, len(members))
        self.filler = places + -places % shards - len(members)
        self._loops, self._evaluations = _programs(self.mesh)
        self.data, _ = prepared.feed.empty(members[0].plan)
        self.program = self._stack([m.trainer.program() for m in self.members])
        self.states: TrainState = self._stack([m.model.state for m in self.members])
        self.none = self._stack([m.trainer.no_sums() for m in self.members])

    def train(self) -> Generator[int, None, None]:
        """Run all epochs; then every model has its own state.

        Yields:
            How many are done, after each. Who waits may end the training of members
            there, as callbacks do.
        """
        plan, running = self.members[0].plan, list(range(len(self.members)))
        watch = time.perf_counter()
        jax.block_until_ready(self._run(self._orders(None), 0, self.none, {}))
        compiled = time.perf_counter() - watch
        for member in self.members:
            member.history.timing["compile_seconds"] = compiled
            member.model.stop_training = False
            member.callbacks.call("on_train_begin", {})
        pace = steps.Pace(steps.QUIET_SECONDS)
        logs: dict[int, Logs] = {}
        for epoch in range(plan.epochs):
            self._call(running, "on_epoch_begin", epoch, {})
            new = self._epoch(epoch, running, pace)
            if any(_keeps_weights(self.members[index]) for index in running):
                self._hand_out(running)
            interrupts.let_in()
            for index in running:
                self.members[index].callbacks.call("on_epoch_end", epoch, new[index])
            logs |= new
            yield epoch + 1
            running = [i for i in running if not self.members[i].model.stop_training]
            self.report((epoch + 1) / plan.epochs)
            if not running:
                break
        self._hand_out(range(len(self.members)))
        for index, member in enumerate(self.members):
            member.model.state = finished(member.trainer, member.model.state)
            member.callbacks.call("on_train_end", logs[index])

    def _epoch(
        self, epoch: int, running: Sequence[int], pace: steps.Pace
    ) -> dict[int, Logs]:
        plan, members = self.members[0].plan, self.members
        sums, done, seconds = self.none, 0, 0.0
        going, failed = set(running), set[int]()
        for orders, step, last in self._parts(plan.pieces(epoch)):
            while step < last and going:
                interrupts.let_in()
                length = pace.steps(last - step)
                since = time.perf_counter()
                before, sums_before = self.states, sums
                lasts = dict.fromkeys(going, step + length)
                after = self._run(orders, step, sums, lasts)
                self.states, sums = after.state, after.sums
                ended, finite = jax.device_get((after.failed, after.finite))
                pace.ran(length, time.perf_counter() - since)
                seconds += time.perf_counter() - since
                for index in sorted(going):
                    if ended[index] < 0 and finite[index]:
                        continue
                    piece = Piece(self.data, orders[index], step, step + length)
                    start = _one(before, index), _one(sums_before, index)
                    own, failure = self._again(index, *start, piece, (epoch, done))
                    sums = _with(sums, index, own)
                    if failure is not None:
                        failed.add(index)
                        going.remove(index)
                step += length
                done += length
        logs = self._logs(running, sums)
        for index in failed:
            logs[index]["loss"] = float("nan")
        if self.prepared.held_out.due(epoch + 1):
            for index, own_logs in self._validated(running).items():
                logs[index] = with_held_out(logs[index], own_logs)
        for index in running:
            members[index].history.time(seconds, 0.0, plan.rows_per_epoch)
        return logs

    def _parts(
        self, pieces: Iterable[tuple[int, int, int]]
    ) -> Generator[tuple[Any, int, int], None, None]:
        """Yield orders of all members, the first step and the one before which to stop.

        Where padding would count, a batch that is shorter comes by itself.
        """
        net, state = self.members[0].trainer.net, self.members[0].model.state
        for number, first, last in pieces:
            orders = self._orders(number)
            size, parts = orders.shape[-1], [(orders, first, last)]
            if not protocol.acts_by_row(net):
                with transfers.meant():
                    # Members draw their rows for themselves, and equally many.
                    runs = steps.of_one_size(orders[0], first, last)
                    filled = any(rows < size for *_, rows in runs)
                    if filled and steps.padding_counts(net, state, self.data, size):
                        parts = [_of_size(orders, *run) for run in runs]
            yield from parts

    def _again(
        self,
        index: int,
        state: TrainState,
        sums: Sums,
        piece: Piece,
        where: tuple[int, int],
    ) -> tuple[Sums, NonFiniteError | None]:
        """Take the steps of one member again, to its last finite state, as ``fit``.

        What it computes alone may differ in rounding, and then it counts.
        """
        member = self.members[index]
        member.model.state = state
        program = member.trainer.program()
        own, failure = steps.run_steps(member.model, program, piece, sums, where)
        if failure is not None:
            member.model.stop_training = False
            member.callbacks.call("on_non_finite", failure)
        changed = _with(_keyless(self.states), index, _keyless(member.model.state))
        self.states = self.states._replace(**changed)
        return own, failure

    def _validated(self, running: Sequence[int]) -> dict[int, Logs]:
        stacks = self.prepared.held_out.stacks
        if stacks is None:
            return {}
        sums = self.none
        for stack, _, last in stacks.runs(stepwise=False):
            interrupts.let_in()
            variables = self.states.variables
            net = self.members[0].trainer.net
            own = self.members[0].model.state.variables
            for part, first, end in padding.parts(net, own, (stack, 0, last)):
                sums = self._evaluations(
                    self.program, variables, part, first, np.int32(end), sums
                )
        return self._logs(running, sums)

    def _logs(self, running: Sequence[int], sums: Sums) -> dict[int, Logs]:
        total, lost = jax.device_get((sums.total, sums.lost))
        return {
            index: sums_to_logs(
                self.members[index].trainer,
                dataclasses.replace(sums, total=total[index], lost=lost[index]),
            )
            for index in running
        }

    def _run(
        self, orders: Any, first: int, sums: Sums, lasts: dict[int, int]
    ) -> Progress:
        ends = [lasts.get(index, 0) for index in range(len(self.members))]
        padded = self._put(np.array([*ends, *[0] * self.filler], np.int32))
        begin = np.int32(first)
        done: Progress = self._loops(
            self.program, self.states, self.data, orders, begin, padded, sums
        )
        return done

    def _orders(self, number: int | None) -> Any:
        """Return the orders of a pass of all members; None is one for no steps."""
        return self._stack(
            [
                member.plan.no_order if number is None else member.plan.order(number)
                for member in self.members
            ]
        )

    def _call(self, running: Sequence[int], hook: str, *arguments: Any) -> None:
        for index in running:
            self.members[index].callbacks.call(hook, *arguments)

    def _hand_out(self, indices: Sequence[int]) -> None:
        """Give models their own parts of the states."""
        states = jax.device_get(_keyless(self.states))
        for index in indices:
            model = self.members[index].model
            own = jax.device_put(_one(states, index))
            # The key stays the same, and so does that of the model.
            model.state = model.state._replace(**own)

    def _stack(self, trees: Sequence[Any]) -> Any:
        """Stack trees along a first axis, of which each device gets its part."""
        trees = [*trees, *[trees[-1]] * self.filler]
        return self._put(jax.tree.map(lambda *leaves: _stacked(leaves), *trees))

    def _put(self, tree: Any) -> Any:
        if self.mesh is None:
            return jax.device_put(tree)
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec(DATA)))


def _stacked(leaves: Sequence[Any]) -> Any:
    if is_key(leaves[0]):
        keys = jnp.stack([jax.random.key_data(leaf) for leaf in leaves])
        return jax.random.wrap_key_data(keys, impl=jax.random.key_impl(leaves[0]))
    stack = np.stack([np.asarray(leaf) for leaf in leaves])
    # A number of a layer comes as a float of Python.
    return stack.astype(jax.dtypes.canonicalize_dtype(stack.dtype))


def _of_size(orders: Any, first: int, last: int, rows: int) -> tuple[Any, int, int]:
    """Return steps of all members whose batches have so many rows, without padding."""
    if rows == orders.shape[-1]:
        return orders, first, last
    return orders[:, first:last, :rows], 0, last - first


def _one(stack: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], stack)


def _with(stack: Any, index: int, one: Any) -> Any:
    """Return a stack with another tree in one place."""
    return jax.tree.map(
        lambda leaf, own: leaf.at[index].set(own), stack, jax.device_get(one)
    )


def _keyless(state: TrainState) -> dict[str, Any]:
    """Return what changes in training, which the key does not."""
    return {name: value for name, value in state._asdict().items() if name != "key"}


def _keeps_weights(member: Trainee) -> bool:
    """Tell whether a callback looks at the weights after an epoch."""
    return any(
        getattr(callback, "restore_best_weights", False)
        for callback in member.callbacks.callbacks
    )

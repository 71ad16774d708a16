"""Training, evaluation and prediction as pure functions.

Nothing here knows a file, a clock or a console. A `Trainer` is a frozen value that says
what is learned and how; its methods map states and batches to states and sums, and
compose with ``jax.jit``, ``jax.grad`` and ``jax.vmap``. The compiled programs at the
end of this file are what `jaxnet_mini.Sequential` runs.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxnet_mini import composition, losses, metrics, optimizers
from jaxnet_mini.data import Data
from jaxnet_mini.errors import ArgumentError, ShapeError
from jaxnet_mini.metrics import Metric
from jaxnet_mini.states import Batch, Progress, Sums, TrainState
from jaxnet_mini.types import Float, Int, Layer, Params, RandomKey, Shape


@dataclasses.dataclass(frozen=True)
class Trainer:
    """What is learned and how: a frozen, hashable value.

    Args:
        net: a layer, usually `jaxnet_mini.serial`.
        loss: a Keras name, one of `jaxnet_mini.losses`, or a callable
            ``(y_true, y_pred) -> per-example loss``.
        optimizer: a Keras name, one of `jaxnet_mini.optimizers`, or any optax
            transformation.
        metrics: names, `jaxnet_mini.metrics.Metric` values or callables.
        weighted_metrics: likewise; these count examples by their weights.

    Where the network ends with the softmax or sigmoid that the loss expects, the loss
    is computed from what comes before it: exact where probabilities would round.

    >>> from jaxnet_mini.layers import Dense
    >>> trainer = Trainer(Dense(1), loss="mse", optimizer="sgd")
    >>> state = trainer.init(jax.random.key(0), (2,))
    >>> state, logs = jax.jit(trainer.step)(state, (jnp.ones((4, 2)), jnp.ones((4, 1))))
    >>> sorted(logs), int(state.step)
    (['loss'], 1)
    """

    net: Layer
    loss: Any
    optimizer: Any = "adam"
    metrics: tuple[Any, ...] = ()
    weighted_metrics: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        composition.check_layer(self.net)
        resolved = tuple(metrics.get(metric) for metric in self.metrics)
        plain = {metric.name for metric in resolved}
        weighted = tuple(
            metric.renamed(f"weighted_{metric.name}")
            if metric.name in plain
            else metric
            for metric in map(metrics.get, self.weighted_metrics)
        )
        names = ["loss", *(metric.name for metric in (*resolved, *weighted))]
        for name in names:
            if names.count(name) > 1:
                raise ArgumentError(
                    f"two metrics go by the name {name!r} in the logs: drop one or "
                    "rename it."
                )
        object.__setattr__(self, "loss", losses.get(self.loss))
        if self.loss.reduction in (None, "none"):
            raise ArgumentError(
                f"the loss {self.loss!r} is not reduced to one number, and training "
                'needs one: leave reduction out, or use "sum".'
            )
        object.__setattr__(self, "optimizer", optimizers.get(self.optimizer))
        object.__setattr__(self, "metrics", resolved)
        object.__setattr__(self, "weighted_metrics", weighted)

    @property
    def all_metrics(self) -> tuple[Metric, ...]:
        """The metrics, then the weighted ones."""
        return (*self.metrics, *self.weighted_metrics)

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optax transformation behind ``optimizer``."""
        if isinstance(self.optimizer, optimizers.Optimizer):
            return self.optimizer.transformation()
        return self.optimizer

    def program(self) -> "Trainer":
        """Return the trainer without its optimizer's numbers, which live in the state.

        Equal values of this share compiled programs.
        """
        return dataclasses.replace(self, optimizer=self.transformation)

    def init(self, key: RandomKey, input_shape: Shape) -> TrainState:
        """Return a fresh state: parameters, optimizer state, key, step 0."""
        _, params = self.net.init(key, input_shape)
        state = self.optimizer.init(params)
        return TrainState(params, state, key, jnp.zeros((), jnp.int32))

    def step(
        self, state: TrainState, batch: Batch | tuple[Array, ...]
    ) -> tuple[TrainState, dict[str, Array]]:
        """Take one step; return the new state, and loss and metrics of the batch."""
        state, totals = self._step(state, Batch(*batch))
        return state, self.logs(totals)

    def loop(
        self,
        state: TrainState,
        data: Data,
        order: Int[Array, "steps batch"],
        first: Int[Array, ""] | int,
        last: Int[Array, ""] | int,
        sums: Sums | None = None,
    ) -> Progress:
        """Take the steps ``first`` to ``last - 1`` of an epoch in one loop.

        Args:
            state: where to start.
            data: the examples, ``(rows, ...)``, on the device.
            order: which row goes where in the epoch, see `jaxnet_mini.data.order`.
            first: the first step.
            last: the step before which to stop; both may be traced, so that an epoch,
                a part of it and a single step are one program.
            sums: those of earlier steps, to go on from; None starts at zero.
        """
        batch_size = order.shape[1]

        def batch(index: Array) -> Batch:
            rows = jax.lax.dynamic_index_in_dim(order, index, keepdims=False)

            def gather(array: Array) -> Array:
                return array.at[rows].get(mode="promise_in_bounds")

            x, y, weight = jax.tree.map(gather, (data.x, data.y, data.weight))
            return Batch(x, y, weight, _mask(data.rows, index, batch_size))

        def go_on(carry: tuple[Array, Array, TrainState, Sums]) -> Array:
            index, finite, *_ = carry
            return (index < last) & finite

        def take_step(
            carry: tuple[Array, Array, TrainState, Sums],
        ) -> tuple[Array, Array, TrainState, Sums]:
            index, _, state, sums = carry
            state, new = self._step(state, batch(index))
            finite = jnp.isfinite(new["loss"][0])
            return index + 1, finite, state, sums.add(new)

        sums = self.no_sums() if sums is None else sums
        start = (jnp.asarray(first, jnp.int32), jnp.array(True), state, sums)
        index, finite, state, sums = jax.lax.while_loop(go_on, take_step, start)
        return Progress(state, sums, jnp.where(finite, -1, index - 1))

    def evaluate(
        self,
        params: Params,
        batches: Data,
        first: Int[Array, ""] | int,
        last: Int[Array, ""] | int,
        sums: Sums | None = None,
    ) -> Sums:
        """Return the sums of loss and metrics over batches ``first`` to ``last - 1``.

        Args:
            params: the parameters.
            batches: examples stacked as ``(steps, batch, ...)``.
            first: the first batch.
            last: the batch before which to stop.
            sums: those of earlier batches, to go on from; None starts at zero.
        """
        batch_size = batches.x.shape[1]

        def totals_of(index: Array | int) -> dict[str, Any]:
            x, y, weight = jax.tree.map(
                lambda array: jax.lax.dynamic_index_in_dim(
                    array, index, keepdims=False
                ),
                (batches.x, batches.y, batches.weight),
            )
            mask = _mask(batches.rows, index, batch_size)
            return self._totals(params, Batch(x, y, weight, mask), None, False)[1]

        result: Sums = jax.lax.fori_loop(
            first,
            last,
            lambda index, sums: sums.add(totals_of(index)),
            self.no_sums() if sums is None else sums,
        )
        return result

    def no_sums(self) -> Sums:
        """Return the sums of no batch."""
        zeros = {"loss": metrics.zeros(2)}
        zeros |= {metric.name: metric.zeros() for metric in self.all_metrics}
        return Sums(zeros, jax.tree.map(jnp.array, zeros))

    def logs(self, totals: dict[str, Any]) -> dict[str, Any]:
        """Return loss and metrics from their sums, by name in alphabetical order."""
        total, rows = totals["loss"]
        logs = {"loss": total / rows}
        logs |= {m.name: m.result(totals[m.name]) for m in self.all_metrics}
        return dict(sorted(logs.items()))

    def _step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Any]:
        key = jax.random.fold_in(state.key, state.step)

        def loss_of(params: Params) -> tuple[Array, dict[str, Any]]:
            return self._totals(params, batch, key, True)

        gradients, totals = jax.grad(loss_of, has_aux=True)(state.params)
        updates, optimizer_state = self.transformation.update(
            gradients, state.optimizer_state, state.params
        )
        params = optax.apply_updates(state.params, updates)
        return TrainState(params, optimizer_state, state.key, state.step + 1), totals

    @functools.cached_property
    def _head(self) -> tuple[Layer, Any, losses.Loss]:
        """The network, the function from its outputs to predictions, and the loss."""
        net, activation = composition.without_last_activation(self.net)
        loss = self.loss.on_logits(activation)
        if loss is None:
            return self.net, lambda outputs: outputs, self.loss
        return net, activation, loss

    def _totals(
        self, params: Params, batch: Batch, key: RandomKey | None, training: bool
    ) -> tuple[Float[Array, ""], dict[str, Any]]:
        """Return the loss to differentiate, and all sums."""
        net, activation, loss = self._head
        outputs = net.apply(params, batch.x, key=key, training=training)
        values = jnp.asarray(loss.per_example(batch.y, outputs))
        rows = outputs.shape[0]
        if values.shape[:1] != (rows,):
            raise ShapeError(
                f"the loss returned shape {values.shape} for a batch of {rows}: return "
                "one value per example, without a mean over the batch."
            )
        per_row = metrics.mean_per_row(values)
        mask = batch.mask
        mask = jnp.ones(rows, per_row.dtype) if mask is None else mask
        mask = mask.astype(per_row.dtype)
        # Padding may give any value, NaN too, and 0 times NaN is NaN.
        per_row = jnp.where(mask == 0.0, 0.0, per_row)
        weight = mask
        if batch.weight is not None:
            weight = mask * batch.weight.astype(per_row.dtype)
            per_row = per_row * weight
        count = jnp.sum(mask)
        total = jnp.sum(per_row) * loss.factor(count * (values.size // rows), weight)
        penalty = composition.penalty(self.net, params)
        if isinstance(penalty, Array):  # else 0.0: nothing is regularized
            total = total + penalty * count
        totals: dict[str, Any] = {"loss": (total, count)}
        if self.all_metrics:
            predictions = jax.lax.stop_gradient(activation(outputs))
            for metric in self.metrics:
                totals[metric.name] = metric.totals(batch.y, predictions, mask)
            for metric in self.weighted_metrics:
                totals[metric.name] = metric.totals(batch.y, predictions, weight)
        return total / count, totals


def predict(
    net: Layer,
    params: Params,
    batches: Array,
    first: Int[Array, ""] | int,
    last: Int[Array, ""] | int,
) -> Array:
    """Return the outputs of batches ``first`` to ``last - 1``; zeros for the others.

    Args:
        net: a layer.
        params: its parameters.
        batches: inputs stacked as ``(steps, batch, ...)``.
        first: the first batch.
        last: the batch before which to stop.

    Returns:
        ``(steps, batch, *output_shape)``.
    """

    def outputs_of(index: Array | int) -> Array:
        x = jax.lax.dynamic_index_in_dim(batches, index, keepdims=False)
        return net.apply(params, x)

    one = jax.eval_shape(lambda: outputs_of(0))
    outputs: Array = jax.lax.fori_loop(
        first,
        last,
        lambda index, outputs: jax.lax.dynamic_update_index_in_dim(
            outputs, outputs_of(index), index, axis=0
        ),
        jnp.zeros((batches.shape[0], *one.shape), one.dtype),
    )
    return outputs


def all_finite(tree: Any) -> Array:
    """Return for each leaf of ``tree``, in order, whether it is finite throughout."""
    leaves = jax.tree.leaves(tree)
    return jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in leaves], bool)


def _mask(rows: Array, index: Array | int, batch_size: int) -> Array:
    return index * batch_size + jnp.arange(batch_size, dtype=jnp.int32) < rows


def untrained(net: Layer, input_shape: Shape, seed: Array | np.uint32) -> TrainState:
    """Return a state that has parameters and no optimizer yet."""
    key = jax.random.key(seed)
    _, params = net.init(key, input_shape)
    return TrainState(params, None, key, jnp.zeros((), jnp.int32))


@functools.lru_cache(maxsize=256)
def rehearse(
    trainer: Trainer, input_shape: Shape, x: np.dtype[Any], y: jax.ShapeDtypeStruct
) -> None:
    """Trace network, loss and metrics on a batch, so that errors come before changes.

    ``x`` is the dtype of the inputs, ``y`` shape and dtype of the targets.

    Raises:
        ShapeError: the loss or a metric does not return one value per example.
    """

    def forward() -> dict[str, Any]:
        key = jax.random.key(0)
        _, params = trainer.net.init(key, input_shape)
        inputs = jnp.zeros((y.shape[0], *input_shape), x)
        batch = Batch(inputs, jnp.zeros(y.shape, y.dtype))
        return trainer._totals(params, batch, key, True)[1]

    jax.eval_shape(forward)


def with_optimizer(trainer: Trainer, state: TrainState) -> TrainState:
    """Return the state with a fresh optimizer."""
    return state._replace(optimizer_state=trainer.optimizer.init(state.params))

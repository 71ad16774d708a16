"""Many metrics in one program: by hand, and over batches, the last one padded."""

import jax
import jax.numpy as jnp
import numpy as np

QUICKLY = {
    "compiler_options": {
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
    }
}
"""How `jax.jit` compiles large programs that run once: half of the time."""


def spoiled(row):
    """A row of infinity and NaN, or of a class that there is not."""
    if row.dtype.kind != "f":
        return np.full_like(row, 99)
    odd = np.arange(row.size).reshape(row.shape) % 2
    return np.where(odd, np.nan, np.inf).astype(row.dtype)


def in_batches(y_true, y_pred, weight, batch_size):
    """The arrays with an axis of batches, the last one padded and masked.

    The padding holds what must not count.
    """
    rows = len(y_true)
    padding = -rows % batch_size
    weight = np.ones(rows) if weight is None else weight
    weight = np.pad(weight.astype(np.float32), (0, padding))
    y_true, y_pred = (
        np.concatenate([a, spoiled(a[:1]).repeat(padding, 0)]) for a in (y_true, y_pred)
    )
    return tuple(
        a.reshape(-1, batch_size, *a.shape[1:]) for a in (y_true, y_pred, weight)
    )


def over_batches(cases, batch_size=64):
    """The results over an epoch of all cases, as after `fit`: on the host, in float64.

    One program makes the sums, batch by batch.

    Args:
        cases: ``(metric, y_true, y_pred, weight)`` by name, all of as many rows.
    """
    chosen = {
        name: metric.for_outputs(y_pred.shape[-1])
        for name, (metric, _, y_pred, _) in cases.items()
    }
    batches = {name: in_batches(*case[1:], batch_size) for name, case in cases.items()}

    def add(sums, batch):
        new = {name: chosen[name].totals(*batch[name]) for name in chosen}
        return jax.tree.map(jnp.add, sums, new), None

    zeros = {name: metric.zeros() for name, metric in chosen.items()}
    epoch = jax.jit(lambda *given: jax.lax.scan(add, *given)[0], **QUICKLY)
    sums = jax.tree.map(lambda t: np.asarray(t, np.float64), epoch(zeros, batches))
    return {name: metric.result(sums[name]) for name, metric in chosen.items()}


def by_hand(cases):
    """The results of ``(metric, y_true, y_pred, weight)`` by name, in one program."""
    metric_of = {name: case[0] for name, case in cases.items()}
    given = {name: case[1:] for name, case in cases.items()}

    def results(given):
        return {name: metric(*given[name]) for name, metric in metric_of.items()}

    return jax.tree.map(np.asarray, jax.jit(results, **QUICKLY)(given))

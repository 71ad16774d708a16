"""What Keras's metrics say, many of them in one program."""

import jax
import numpy as np
from conftest import keras_on_jax
from ragged import QUICKLY


def metrics_in_keras(cases, traced=True):
    """The result of each case.

    Args:
        cases: ``(make, y_true, y_pred, weight)`` by name; ``make(keras.metrics)`` makes
            the metric.
        traced: whether Keras can trace its sums: not with several labels and thresholds
            that are given.
    """
    with keras_on_jax() as keras:
        made = {name: case[0](keras.metrics) for name, case in cases.items()}
        arrays = {name: case[1:] for name, case in cases.items()}
        for name, metric in made.items():
            if not getattr(metric, "_built", True):
                metric._build(*(np.shape(a) for a in arrays[name][:2]))

        def sums(name, y_true, y_pred, weight):
            before = [variable.value for variable in made[name].variables]
            return made[name].stateless_update_state(
                before, y_true, y_pred, sample_weight=weight
            )

        def results(given):
            return {
                name: metric.stateless_result(
                    sums(name, *given[name]) if traced else given[name]
                )
                for name, metric in made.items()
            }

        if not traced:
            arrays = {name: sums(name, *batch) for name, batch in arrays.items()}
        return jax.tree.map(np.asarray, jax.jit(results, **QUICKLY)(arrays))

"""The members of a sweep by Keras, one fit after another in one process."""

import time
from typing import Any

import keras

from bench.peers.keras_jax import Model
from bench.probes import answer
from bench.probes.sweeping import Members


def measure(
    setting: int | None = None, first: int | None = None, **arguments: Any
) -> dict[str, Any]:
    """Return learning rate, seed and validation loss of each member, and its seconds.

    Args:
        setting: ``steps_per_execution``.
        first: train the first so many members alone.
        arguments: see `Members`.
    """
    members = Members(**arguments)
    task = members.task
    losses, seconds = [], []
    for rate, seed in members.settings[:first]:
        since = time.perf_counter()
        # What the one before has left behind goes, as Keras's pages advise.
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        model = Model(task, setting).model
        model.optimizer.learning_rate = rate
        history = model.fit(task.x, task.y, **members.options)
        losses.append([rate, seed, history.history["val_loss"][-1]])
        seconds.append(time.perf_counter() - since)
    return {"losses": losses, "seconds": seconds}


if __name__ == "__main__":
    answer(measure)

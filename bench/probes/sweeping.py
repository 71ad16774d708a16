"""One sweep over learning rates and seeds by this library, as a whole process."""

import dataclasses
from pathlib import Path
from typing import Any

import jaxnet_mini as jn
from bench.peers import OURS, Task
from bench.peers.jaxnet import Model
from bench.probes import answer
from bench.worker import Worker

HELD_OUT = 0.1
"""The share of the rows to validate with."""


@dataclasses.dataclass(frozen=True)
class Members:
    """Which models there are, and how each is trained."""

    scratch: str
    data: str
    rates: list[float]
    seeds: int
    epochs: int
    batch_size: int

    @property
    def task(self) -> Task:
        """The data and the network, 128 units in its hidden layer."""
        folder = Path(self.scratch)
        return Worker(OURS, folder).task(self.data, [128], self.batch_size)

    @property
    def settings(self) -> list[tuple[float, int]]:
        """Learning rate and seed of each."""
        return [(rate, seed) for rate in self.rates for seed in range(self.seeds)]

    @property
    def options(self) -> dict[str, Any]:
        """What both libraries are told of how to train."""
        return {
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "validation_split": HELD_OUT,
            "verbose": 0,
        }


def measure(**arguments: Any) -> dict[str, Any]:
    """Return learning rate, seed and validation loss of each member."""
    members = Members(**arguments)
    task = members.task
    result = jn.sweep(
        Model(task).model,
        {"learning_rate": members.rates, "seed": range(members.seeds)},
        task.x,
        task.y,
        **members.options,
    )
    return {
        "losses": [
            [*member.settings.values(), member.logs["val_loss"]] for member in result
        ]
    }


if __name__ == "__main__":
    answer(measure)

"""How a run measures: what every suite is told."""

import dataclasses
import math
from pathlib import Path

LEFT_OUT = "left out by --quick"
UNSEEN = "the cores were not in this state"

QUICK_WITHOUT = (
    "Keras on JAX, steps_per_execution",
    "Keras on TensorFlow",
    "JAX + optax loop",
    "Flax NNX",
    "Equinox",
    "PyTorch",
    "PyTorch, torch.compile",
)
"""Peers that --quick leaves out: they take most of the time."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What every suite is told.

    ``scratch`` holds the data as files and what the processes write; ``device`` is the
    platform of JAX's default device; a peer on another one is left out.
    """

    scratch: Path
    device: str = "cpu"
    rounds: int = 7
    quick: bool = False

    def turns(self, seconds: float) -> int:
        """Return in how many rounds something takes part whose turn takes so long."""
        if self.quick:
            return self.rounds if seconds <= 1 else 1
        few = 3 if seconds <= 20 else 1
        return self.rounds if seconds <= 3 else min(few, self.rounds)

    def takes_part(self, turns: int) -> set[int]:
        """Return which rounds these are, spread evenly over the run."""
        if turns == 1:
            return {self.rounds // 2}
        return {round(i * (self.rounds - 1) / (turns - 1)) for i in range(turns)}

    @staticmethod
    def epochs(seconds: float, least: float) -> int:
        """Return how many epochs make a turn, one of them taking ``seconds``."""
        return max(2, min(100, math.ceil(least / max(seconds, 1e-6))))

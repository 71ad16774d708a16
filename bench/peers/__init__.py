"""What is measured against what: each peer as its own documentation advises.

Every peer is a module with ``settings(task)``, the settings worth trying, the usual
best first; ``device()``, the platform that it computes on, in JAX's words; and
``make(task, setting)``, which returns something with these methods:

- ``epochs(count)``: train so many epochs; return the seconds of each;
- ``evaluate(x, y)``: return the accuracy;
- ``predict(x)``: return probabilities, a NumPy array, for NumPy in.

All train with Adam at 0.001, sparse cross-entropy, the accuracy on the training rows
and a new order in every epoch. Where a peer's speed depends on a setting, the best one
is found by a short trial and named.
"""

import dataclasses

import numpy as np

PEERS = {
    "jaxnet_mini": ("jaxnet", "jax"),
    "Keras on JAX": ("keras_jax", "keras"),
    "Keras on JAX, steps_per_execution": ("keras_jax_steps", "keras"),
    "Keras on TensorFlow": ("keras_tensorflow", "tensorflow"),
    "JAX + optax loop": ("optax_loop", "optax"),
    "Flax NNX": ("flax_nnx", "flax"),
    "Equinox": ("equinox_loop", "equinox"),
    "PyTorch": ("pytorch", "torch"),
    "PyTorch, torch.compile": ("pytorch_compiled", "torch"),
    "scikit-learn": ("scikit_learn", "sklearn"),
}
"""By the name in the tables: the module here, and what must be installed for it."""

OURS = "jaxnet_mini"


@dataclasses.dataclass(frozen=True)
class Task:
    """What a model is trained on: arrays in memory, layers and batch size.

    Nets of another kind than ``"dense"`` are those of `bench.peers.in_keras_words`.
    """

    x: np.ndarray
    y: np.ndarray
    hidden: tuple[int, ...]
    batch_size: int
    classes: int = 10
    kind: str = "dense"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features, hidden units and classes."""
        return (self.x.shape[1], *self.hidden, self.classes)


def batches(task: Task, generator: np.random.Generator) -> list[np.ndarray]:
    """Return a new order of all rows cut into batches; the last may be smaller."""
    rows = generator.permutation(len(task.x)).astype(np.int32)
    return np.split(rows, range(task.batch_size, len(rows), task.batch_size))

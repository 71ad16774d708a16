"""What tests of batches share, and those that ask Keras."""

import numpy as np

import jaxnet_mini as jn

SIZE = 4


GENERATOR = np.random.default_rng(0)


X = GENERATOR.random((100 * SIZE, 3), np.float32)


Y = X @ np.float32([[1], [2], [-1]])


def identity(learning_rate=0.0):
    """A model that returns its one input, of which the loss is the mean."""
    one = jn.Sequential([jn.Dense(1, kernel_initializer="ones", input_dim=1)])
    one.compile(jn.optimizers.SGD(learning_rate), "mean_absolute_error")
    return one


def batches(count=100, x=X, y=Y):
    for first in range(0, count * SIZE, SIZE):
        yield x[first : first + SIZE], y[first : first + SIZE]


class Refilled:
    """Eight batches of the value ``i``, all in the memory of one."""

    def __init__(self, weighted=False):
        self.x = np.zeros((SIZE, 1), np.float32)
        self.y = np.zeros((SIZE, 1), np.float32)
        self.weight = np.zeros(SIZE, np.float32)
        self.weighted = weighted

    def __len__(self):
        return 8

    def __iter__(self):
        for i in range(8):
            self.x[:], self.y[:], self.weight[:] = 3 * i, 2 * i, i
            yield (self.x, self.y, self.weight)[: 2 + self.weighted]
        self.x[:], self.y[:], self.weight[:] = 77, 99, 88


SIZES = (4, 3, 6, 4, 9, 17, 1, 4)


class Growing:
    def __iter__(self):
        for index, size in enumerate(SIZES):
            first = sum(SIZES[:index])
            yield X[first : first + size], Y[first : first + size]

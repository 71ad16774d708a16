"""Layers of your own in ten lines each, trained like any other.

python examples/own_layer.py
"""

import dataclasses

import jax

import jaxnet_mini as jn
from jaxnet_mini.datasets import digits


@dataclasses.dataclass(frozen=True)
class Gate:
    """``x * sigmoid(x @ kernel)``: the layer decides what it lets through."""

    def init(self, key, input_shape):
        (features,) = input_shape
        kernel = jax.nn.initializers.glorot_uniform()(key, (features, features))
        return input_shape, {"kernel": kernel}

    def apply(self, params, x, *, key=None, training=False):
        return x * jax.nn.sigmoid(x @ params["kernel"])


@dataclasses.dataclass(frozen=True)
class Residual:
    """``x + inner(x)``: a layer around another one, or around a whole `jn.serial`."""

    inner: jn.Layer
    acts_by_row = True  # each output depends on its own example alone

    def init(self, key, input_shape):
        return self.inner.init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return x + self.inner.apply(params, x, key=key, training=training)

    def penalty(self, params):
        return self.inner.penalty(params)  # what its regularizers add to the loss


def main() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    model = jn.Sequential(
        [
            jn.Rescaling(1 / 16, input_shape=(8, 8)),
            jn.Flatten(),
            jn.Dense(64, activation="relu"),
            Gate(),
            Residual(jn.Dense(64, activation="relu", kernel_regularizer="l2")),
            jn.Dense(10, activation="softmax"),
        ]
    )
    model.summary()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, epochs=15, verbose=2)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy {accuracy:.3f}, test loss {loss:.3f}")


if __name__ == "__main__":
    main()

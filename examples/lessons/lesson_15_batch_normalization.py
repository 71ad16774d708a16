"""Lesson 15: Batch normalization.

The deeper a network, the harder it is to begin: what the first layers learn arrives at
the last ones larger, smaller or shifted at every step. `BatchNormalization` brings the
outputs of a layer back to one size, each time.

    python examples/lessons/lesson_15_batch_normalization.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from classroom import blank, choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.layers import Activation, BatchNormalization, Dense, Flatten
from jaxnet_mini.optimizers import SGD
from jaxnet_mini.plotting import BLUE, VERMILION

EPOCHS = 15


def build(normalized: bool, image_shape: Sequence[int]) -> Sequential:
    """Make a network of six layers and the outputs."""
    model = Sequential([Flatten(input_shape=image_shape)], seed=0)
    for _ in range(6):
        model.add(Dense(32))
        if normalized:
            model.add(BatchNormalization())
        model.add(Activation("relu"))
    model.add(Dense(10, activation="softmax"))
    model.compile(SGD(0.1), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def draw_losses(losses: Mapping[str, Sequence[float]]) -> Any:
    """Draw the training loss of each epoch, one line a network."""
    figure, axes = blank("Six layers of 32, with SGD", "epoch", "training loss")
    styles = (("s--", VERMILION), ("o-", BLUE))
    for (name, values), (style, colour) in zip(losses.items(), styles, strict=True):
        axes.plot(range(1, EPOCHS + 1), values, style, color=colour, label=name)
    axes.set_ylim(0, None)
    axes.legend(title="batch normalization")
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        What it does

        In training it takes the 32 images of a batch, and for each neuron the mean and
        the spread over these images. It takes off the mean, divides by the spread, and
        then multiplies by a number, gamma, and adds one, beta, which are learned. So
        what goes into `relu` begins with mean 0 and spread 1, however deep it lies.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    models = {
        "without": build(False, x_train.shape[1:]),
        "with": build(True, x_train.shape[1:]),
    }
    for name, model in models.items():
        trained = sum(weight.numpy().size for weight in model.trainable_weights)
        others = model.count_params() - trained
        print(f"{name:7}: {trained:,} trained parameters")
        print(f"         and {others} that are not trained.")

    tell("""
        With and without

        Both networks are given the same images in the same order. Look at the first
        epochs: in the end both have learned most of the images.
    """)
    losses = {}
    print("batch normalization   loss: epoch 1   epoch 3   epoch 15   test accuracy")
    for name, model in models.items():
        history = model.fit(x_train, y_train, epochs=EPOCHS, verbose=0)
        losses[name] = history.history["loss"]
        accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
        first, third, last = (losses[name][epoch - 1] for epoch in (1, 3, EPOCHS))
        print(f"{name:19} {first:15.3f} {third:9.3f} {last:10.3f} {accuracy:15.3f}")
    with pictures():
        save(draw_losses(losses), "lesson_15_losses.png")

    tell("""
        One image alone

        Whom is an image compared with, when the network is used and there is no batch?
        During training the layer keeps a moving mean and a moving variance: these are
        the parameters that are not trained. `predict` and `evaluate` use them. So the
        answer to an image does not depend on what other images are asked about.
    """)
    layer = model.get_layer("batch_normalization")
    for weight in layer.weights:
        print(f"{weight.path:35} {weight.numpy().size} numbers")
    alone, together = model.predict(x_test[:1])[0], model.predict(x_test)[0]
    print(f"Largest difference: {np.max(np.abs(alone - together)):.0e}")
    trained_like = np.asarray(model(x_test[:32], training=True))[0]
    print(
        "As in training, among 31 others: "
        f"{np.max(np.abs(trained_like - together)):.0e}"
    )


if __name__ == "__main__":
    main()

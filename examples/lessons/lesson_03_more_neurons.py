"""Lesson 3: More neurons.

Does a larger layer learn better, and what does it cost? Four networks with 128, 256,
512 and 1024 neurons in the middle are trained alike and compared.

    python examples/lessons/lesson_03_more_neurons.py
"""

import statistics
from collections.abc import Sequence
from typing import Any

from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.errors import import_extra
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.plotting import BLUE, VERMILION

UNITS = (128, 256, 512, 1024)


def draw_comparison(seconds: Sequence[float], accuracies: Sequence[float]) -> Any:
    """Draw time and accuracy over the number of neurons, side by side."""
    matplotlib = import_extra("matplotlib.figure", "plot")
    figure = matplotlib.Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    milliseconds = [1000 * value for value in seconds]
    left.plot(UNITS, milliseconds, "o-", color=BLUE)
    left.set(title="time for an epoch", ylabel="milliseconds")
    left.set_ylim(0, 1.1 * max(milliseconds))
    right.plot(UNITS, accuracies, "s-", color=VERMILION)
    right.set(title="test accuracy", ylabel="share of images named right")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(UNITS, [str(units) for units in UNITS])
        axes.set_xlabel("neurons in the middle layer")
        axes.grid(alpha=0.3)
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        Four trainings

        Only the number of neurons differs. The time for an epoch is the median of
        five. It depends on the computer and on what else the computer is doing.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    parameters, seconds, accuracies = [], [], []
    print("neurons   parameters   ms an epoch   test accuracy")
    for units in UNITS:
        model = Sequential(
            [
                Flatten(input_shape=x_train.shape[1:]),
                Dense(units, activation="relu"),
                Dense(10, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        history = model.fit(x_train, y_train, epochs=5, verbose=0)
        _, accuracy = model.evaluate(x_test, y_test, verbose=0)
        parameters.append(model.count_params())
        seconds.append(statistics.median(history.timing["epoch_seconds"]))
        accuracies.append(accuracy)
        print(
            f"{units:7} {parameters[-1]:12,} {1000 * seconds[-1]:13,.1f} "
            f"{accuracy:15.3f}"
        )

    tell("""
        How to read it

        Each neuron has a weight for every pixel, a bias, and a weight to each of the
        ten neurons after it. So twice the neurons means about twice the parameters.
        More parameters take more time and more memory. They can also learn more from
        the same number of epochs, but the gain gets smaller.
    """)
    print(f"Parameters: {parameters[-1] / parameters[0]:.1f} times as many.")
    print(f"Time for an epoch: {seconds[-1] / seconds[0]:.1f} times as long.")
    gain = accuracies[-1] - accuracies[0]
    images = round(gain * len(y_test))
    print(
        f"Accuracy: {100 * gain:+z.1f} percentage points, which is {images:+,} of the "
        f"{len(y_test):,} test images."
    )
    with pictures():
        save(draw_comparison(seconds, accuracies), "lesson_03_comparison.png")


if __name__ == "__main__":
    main()

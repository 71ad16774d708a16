"""Lesson 5: One more layer.

A network can grow wider, as in lesson 3, or deeper. Here a layer of 256 neurons is put
between 512 neurons and the ten outputs: 512, 256, 10.

    python examples/lessons/lesson_05_one_more_layer.py
"""

import statistics
from collections.abc import Sequence

from classroom import choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.layers import Dense, Flatten
from jaxnet_mini.plotting import curves


def build(deep: bool, image_shape: Sequence[int], seed: int) -> Sequential:
    """Make a network with one layer in the middle, or with two."""
    model = Sequential(seed=seed)
    model.add(Flatten(input_shape=image_shape))
    model.add(Dense(512, activation="relu"))
    if deep:
        model.add(Dense(256, activation="relu"))
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        The deeper network

        The second layer looks at the 512 outputs of the first one, not at pixels.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    build(True, x_train.shape[1:], seed=0).summary()

    tell("""
        A fair comparison

        Weights start as random numbers, and every start ends a little differently. To
        compare two networks by one training each would be to compare luck as well. So
        each network is trained from three starts.
    """)
    results: dict[str, list[float]] = {}
    print("layers          parameters   start   training   test accuracy")
    for title, deep in (("512, 10", False), ("512, 256, 10", True)):
        for seed in range(3):
            model = build(deep, x_train.shape[1:], seed)
            history = model.fit(
                x_train, y_train, epochs=5, validation_data=(x_test, y_test), verbose=0
            )
            learned = history.history["accuracy"][-1]
            tested = history.history["val_accuracy"][-1]
            results.setdefault(title, []).append(tested)
            print(
                f"{title:13} {model.count_params():12,} {seed:7} {learned:10.3f} "
                f"{tested:15.3f}"
            )

    tell("""
        What it brought

        A difference means something only where it is larger than what the start
        alone makes of the same network.
    """)
    before, after = results.values()
    gain = statistics.mean(after) - statistics.mean(before)
    print(f"Mean test accuracy: {statistics.mean(before):.3f} without the layer,")
    print(
        f"{statistics.mean(after):.3f} with it: {100 * gain:+z.1f} percentage points."
    )
    if min(after) > max(before):
        print("Every deeper network did better than every one without the layer.")
        print("So the layer helps here, or the parameters that it brings along.")
    else:
        print("Some of the deeper networks did no better than some without the layer.")
        print("So from three starts one cannot tell that the layer helps here.")

    tell("""
        The last training in pictures

        Loss and accuracy of the deeper network, on the images it learned from and on
        the test images.
    """)
    with pictures():
        save(curves(history), "lesson_05_curves.png")


if __name__ == "__main__":
    main()

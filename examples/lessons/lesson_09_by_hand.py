"""Lesson 9: A minimal network by hand.

A network so small that every number of it can be looked at: 9 inputs, 8 neurons, 1
output. It learns a question about a grid of 3 x 3 cells: do filled cells make a path
from the top row to the bottom row?

    python examples/lessons/lesson_09_by_hand.py
"""

import itertools

import numpy as np
from classroom import choose_data, pictures, save, show_model, tell

from jaxnet_mini import Sequential
from jaxnet_mini.layers import Dense
from jaxnet_mini.optimizers import SGD
from jaxnet_mini.plotting import curves, show_images


def joins(grid: np.ndarray) -> bool:
    """Tell whether filled cells lead from the top to the bottom of a 3 x 3 grid.

    A path goes on to the left, right, upper and lower neighbour, not across corners.
    """
    reached = set()
    waiting = [(0, column) for column in range(3)]
    while waiting:
        row, column = waiting.pop()
        inside = 0 <= row < 3 and 0 <= column < 3
        if inside and grid[row, column] and (row, column) not in reached:
            reached.add((row, column))
            waiting += [(row - 1, column), (row + 1, column)]
            waiting += [(row, column - 1), (row, column + 1)]
    return any(row == 2 for row, column in reached)


def build(seed: int) -> Sequential:
    """Make the network of 9 inputs, 8 neurons and 1 output."""
    model = Sequential(seed=seed)
    model.add(Dense(8, input_dim=9, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(
        optimizer=SGD(learning_rate=0.05, momentum=0.9),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        All 512 patterns

        Each of the nine cells is empty (0) or filled (1), which makes 2 to the power
        of 9 patterns. There are no others, so this lesson needs no data set and no
        test: the network should know the answer to every one of them. In the picture
        of some of them filled cells are white.
    """)
    choose_data(arguments)  # All lessons take the same arguments; this one needs none.
    x = np.array(list(itertools.product((0, 1), repeat=9)))
    y = np.array([int(joins(pattern.reshape(3, 3))) for pattern in x])
    print(f"x has the shape {x.shape}, y has the shape {y.shape}.")
    print(f"{y.sum()} patterns have a path, {len(y) - y.sum()} have none.")
    with pictures():
        some = [137, 146, 186, 219, 244, 295, 341, 391, 433, 510]
        save(
            show_images(x[some].reshape(-1, 3, 3), y[some], names=("no path", "path")),
            "lesson_09_patterns.png",
        )

    tell("""
        The network

        `add` puts one layer after the other. `input_dim=9` says that an example has
        nine numbers. `sigmoid` turns the last sum into one probability: that there is
        a path.
    """)
    model = build(seed=0)
    model.summary()
    show_model(model, "lesson_09_model.svg")

    tell("""
        Its weights

        The kernel of the first layer has a weight from each of 9 inputs to each of 8
        neurons. The biases are added to the sums. Kernels start as random numbers,
        biases as zeros.
    """)
    for weight in model.weights:
        count = weight.numpy().size
        print(f"{weight.path:15} shape {weight.shape!s:7} numbers {count:3}")
    kernel, bias, kernel_1, bias_1 = model.get_weights()
    print(f"\nFirst layer: {kernel.size} weights + {bias.size} biases.")
    print(f"Second layer: {kernel_1.size} weights + {bias_1.size} bias.")
    print(f"All biases are 0: {not bias.any() and not bias_1.any()}")
    print("\nThe kernel of the first layer, a row for each input:")
    print(kernel.round(2))

    tell("""
        Training

        So small a network can have an unlucky start: some of its neurons end up idle,
        and the others are too few. Then one starts again from other random numbers.
    """)
    for seed in range(10):
        model = build(seed)
        history = model.fit(x, y, batch_size=32, epochs=500, verbose=0)
        loss, accuracy = model.evaluate(x, y, verbose=0)
        print(f"Start {seed}: accuracy {accuracy:.4f}, loss {loss:.4f}.")
        if accuracy >= 0.99:
            break
    with pictures():
        save(curves(history), "lesson_09_curves.png")

    tell("""
        What it says now

        For each pattern of the picture above: the probability of a path, and whether
        there is one.
    """)
    for row, (chance,) in zip(some, model.predict(x[some]), strict=True):
        print(f"{x[row]}  {chance:.3f}  {'path' if y[row] else 'no path'}")


if __name__ == "__main__":
    main()

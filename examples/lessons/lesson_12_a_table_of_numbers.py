"""Lesson 12: A table of numbers.

Not all data are images. Here each example is a flat, described by three numbers, and
the network shall say its price. An answer that is a number, and no class, is called
regression. The three numbers are of very different sizes, which makes learning hard.

    python examples/lessons/lesson_12_a_table_of_numbers.py
"""

from typing import Any

import numpy as np
from classroom import blank, choose_data, pictures, save, tell

from jaxnet_mini import Sequential
from jaxnet_mini.layers import Dense, Normalization
from jaxnet_mini.optimizers import Adam
from jaxnet_mini.plotting import BLUE, VERMILION

EPOCHS = 40


def flats(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make up flats; return what is known of them, their prices and the fair prices."""
    random = np.random.default_rng(seed)
    area = random.uniform(30, 150, rows)  # square metres
    year = random.integers(1950, 2021, rows)
    metres = random.uniform(0, 20_000, rows)  # to the centre of the town
    fair = 2 * area + (year - 1950) + 150 * np.exp(-metres / 4000)  # thousands
    price = fair + random.normal(0, 10, rows)
    return np.stack([area, year, metres], axis=1), price, fair


def draw_prices(price: np.ndarray, predicted: np.ndarray) -> Any:
    """Draw a dot for each flat: the better the answer, the nearer to the line."""
    figure, axes = blank(
        "Flats that the network has not seen",
        "price (thousands)",
        "answer (thousands)",
    )
    axes.plot(price, predicted, ".", color=BLUE, alpha=0.6)
    ends = [price.min(), price.max()]
    axes.plot(ends, ends, color=VERMILION, label="exactly right")
    axes.legend()
    return figure


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        The table

        The flats are made up by a formula, so that the truth is known: two thousand a
        square metre, one thousand for each year after 1950, and up to 150 thousand for
        being near the centre. A price then differs from that by luck, ten thousand or
        so, which no network can foresee.
    """)
    choose_data(arguments)  # All lessons take the same arguments; this one needs none.
    x, price, _ = flats(1500, seed=0)
    x_test, price_test, fair = flats(500, seed=1)
    print("square metres   year built   metres to the centre   price (thousands)")
    for (area, year, metres), value in zip(x[:4], price[:4], strict=True):
        print(f"{area:13.0f} {year:12.0f} {metres:22,.0f} {value:19.0f}")

    tell("""
        Brought to one size

        Lesson 7 divided pixels by 255. A table needs that column by column. The layer
        `Normalization` looks at the table beforehand, by `adapt`, and remembers the
        mean and the spread of each column. In the network it takes off the mean and
        divides by the spread. These numbers are not trained.
    """)
    normalization = Normalization()
    normalization.adapt(x)
    scaler = Sequential([normalization])
    scaled = np.asarray(scaler(x))
    print("column                   mean    spread   after: mean   spread")
    names = ("square metres", "year built", "metres to the centre")
    for name, before, after in zip(names, x.T, scaled.T, strict=True):
        print(
            f"{name:20} {before.mean():8,.0f} {before.std():9,.0f} "
            f"{float(after.mean()):z13.2f} {float(after.std()):8.2f}"
        )

    tell("""
        With and without

        `mean_squared_error` is the usual loss for numbers. The error that is printed
        is easier to read: by how many thousands the answer is off, on average. Who
        knew the formula would be off by the luck alone.
    """)
    errors = {}
    print("network                  off by (thousands)")
    for name, first in (("without Normalization", []), ("with", [normalization])):
        layers = [Dense(32, activation="relu"), Dense(32, activation="relu"), Dense(1)]
        model = Sequential([*first, *layers], seed=0)
        model.compile(Adam(0.01), "mean_squared_error", ["mean_absolute_error"])
        model.fit(x, price, epochs=EPOCHS, verbose=0)
        errors[name] = model.evaluate(x_test, price_test, verbose=0)[1]
        print(f"{name:24} {errors[name]:18.1f}")
    print(f"{'always the mean price':24} {abs(price_test - price.mean()).mean():18.1f}")
    print(f"{'the formula':24} {abs(price_test - fair).mean():18.1f}")

    tell("""
        What it says

        Each dot is a flat, and on the line the answer is exactly right.
    """)
    with pictures():
        predicted = model.predict(x_test)[:, 0]
        save(draw_prices(price_test, predicted), "lesson_12_prices.png")


if __name__ == "__main__":
    main()

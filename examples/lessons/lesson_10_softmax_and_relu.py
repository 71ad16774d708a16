"""Lesson 10: Softmax and relu as numbers.

The two functions of lesson 1, computed by hand. At the end a whole network is computed
in three lines of NumPy, with the same result as `predict`.

    python examples/lessons/lesson_10_softmax_and_relu.py
"""

import jax.numpy as jnp
import numpy as np
from classroom import choose_data, tell

from jaxnet_mini import Sequential
from jaxnet_mini.activations import relu, softmax
from jaxnet_mini.layers import Dense, Flatten


def main(arguments: list[str] | None = None) -> None:
    tell(__doc__)

    tell("""
        Relu

        Numbers below 0 become 0, all others stay. That is all of it. Without such a
        bend between them, two layers could do no more than one.
    """)
    numbers = jnp.array([0.0, -1.0, 2.0, 3.0])
    print(f"numbers  {numbers}")
    print(f"relu     {relu(numbers)}")

    tell("""
        Softmax

        Any numbers become probabilities: all above 0, together 1. The order stays,
        and larger numbers get much more than smaller ones.
    """)
    probabilities = softmax(numbers)
    print(f"numbers  {numbers}")
    print("softmax  [" + ", ".join(f"{p:.8f}" for p in probabilities) + "]")
    print(f"sum      {probabilities.sum():.6f}")

    tell("""
        Softmax by hand

        Two steps: `exp` makes all numbers positive, and dividing by their sum makes
        the sum 1. NumPy computes here with 16 digits, the library with about 7, so
        the last digit can differ.
    """)
    powers = np.exp([0.0, -1.0, 2.0, 3.0])
    print(f"exp      {powers.round(4)}")
    print(f"sum      {powers.sum():.4f}")
    print("divided  [" + ", ".join(f"{p:.8f}" for p in powers / powers.sum()) + "]")

    tell("""
        Only differences count

        Adding the same to all numbers changes nothing. So the numbers before softmax
        have no meaning one by one, only compared with each other.
    """)
    moved = softmax(numbers + 10.0)
    print(f"numbers  {numbers + 10.0}")
    print("softmax  [" + ", ".join(f"{p:.6f}" for p in moved) + "]")

    tell("""
        A whole network by hand

        The network of lesson 1 is trained once more. Then its weights are taken out,
        and one test image goes through by hand. `@` multiplies the inputs with the
        weights and adds up.
    """)
    data = choose_data(arguments)
    (x_train, y_train), (x_test, y_test) = data.load()
    x_train, x_test = x_train / data.brightest, x_test / data.brightest
    model = Sequential(
        [
            Flatten(input_shape=x_train.shape[1:]),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, epochs=10, verbose=0)
    kernel, bias, kernel_1, bias_1 = model.get_weights()

    hidden = np.maximum(0, x_test[0].reshape(-1) @ kernel + bias)
    scores = hidden @ kernel_1 + bias_1
    by_hand = np.exp(scores) / np.exp(scores).sum()

    predicted = model.predict(x_test[:1])[0]
    print("label  sum before softmax  by hand  predict")
    for label in range(10):
        print(
            f"{label:5} {scores[label]:19.3f} {by_hand[label]:8.4f} "
            f"{predicted[label]:8.4f}"
        )
    print(f"\nLargest difference: {np.abs(by_hand - predicted).max():.0e}")
    print(f"The answer is {by_hand.argmax()}, the label is {y_test[0]}.")


if __name__ == "__main__":
    main()

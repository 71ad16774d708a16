"""The README's table of what is mirrored, made from the scope of the run.

``PYTHONPATH=tests python -m conformance.table`` puts it there, where a test wants it.
"""

import importlib
import operator
from pathlib import Path

from conftest import keras_on_jax

from conformance.loading import all_cases
from conformance.scope import SCOPE

README = Path(__file__).parents[2] / "README.md"
BEGIN = "<!-- Keras's own cases: PYTHONPATH=tests python -m conformance.table -->"
END = "<!-- end of Keras's own cases -->"
# Of these Keras users type classes; of the others functions.
CLASSES = {
    *("callbacks", "constraints", "initializers", "layers", "losses", "metrics"),
    *("models", "optimizers", "optimizers.schedules", "regularizers"),
}
LOOKING_UP = {"get", "serialize", "deserialize"}


def mirrored(keras, room):
    """The names that Keras has in a room and this library too."""
    ours = importlib.import_module(f"jaxnet_mini.{room}")
    return [
        name
        for name in dir(operator.attrgetter(room)(keras))
        if hasattr(ours, name)
        and name not in LOOKING_UP
        and not name.startswith("_")
        and name[0].isupper() == (room in CLASSES)
    ]


def made():
    """The block between the two comments, them included."""
    with keras_on_jax() as keras:
        version = keras.__version__
        names = {room: mirrored(keras, room) for room in dict.fromkeys(SCOPE.values())}
    cases = all_cases()
    apply = [SCOPE[case.file] for case in cases if case.reason is None]
    left_out = [SCOPE[case.file] for case in cases if case.reason is not None]
    rows = [
        f"| `{room}` | {apply.count(room)} | {left_out.count(room)} "
        f"| {' '.join(f'`{name}`' for name in shared)} |"
        for room, shared in names.items()
    ]
    return "\n".join(
        [
            BEGIN,
            f"The tests run Keras {version}'s own test files, unmodified, over this "
            f"library: {len(apply)} cases pass, none fails, and {len(left_out)} do not "
            "apply, each for a reason in `tests/conformance/exclusions.toml`.",
            "",
            "| | cases passed | not applicable | names as in Keras |",
            "| --- | --- | --- | --- |",
            *rows,
            END,
        ]
    )


def written():
    """The same block as the README has it, or None."""
    text = README.read_text("utf-8")
    if BEGIN not in text or END not in text:
        return None
    return text[text.index(BEGIN) : text.index(END) + len(END)]


if __name__ == "__main__":
    README.write_text(README.read_text("utf-8").replace(written(), made()), "utf-8")

"""Docstrings of the public faces: every argument explained, examples that run."""

import dataclasses
import importlib
import inspect
import re

import jaxnet_mini

FACES = {
    *("activations", "callbacks", "initializers", "layers", "losses", "metrics"),
    *("models", "optimizers", "plotting", "regularizers", "utils", "constraints"),
}
WITH_EXAMPLES = FACES - {"callbacks", "models", "plotting", "utils"}
"""Faces of which each class has an example, which the runner of the tests runs."""

MOST_UNEXPLAINED = 2
"""So many arguments of a function go without an explanation of each."""


def documented():
    """Every public class and function written here, by the name users see."""
    rooms = {"": jaxnet_mini}
    rooms |= {face: importlib.import_module(f"jaxnet_mini.{face}") for face in FACES}
    for face, room in rooms.items():
        for name in room.__all__:
            value = getattr(room, name)
            home = getattr(value, "__module__", None) or ""
            ours = home.startswith("jaxnet_mini.")
            if ours and (inspect.isclass(value) or inspect.isfunction(value)):
                yield f"{face}.{name}".removeprefix("."), value


DOCUMENTED = dict(documented())


def arguments_of(value):
    """The arguments to explain: a class's own fields, or all that a function has."""
    if dataclasses.is_dataclass(value):
        own = inspect.get_annotations(value)
        return [f.name for f in dataclasses.fields(value) if f.init and f.name in own]
    own = inspect.isclass(value) and vars(value).get("__init__")
    if own is None or getattr(value, "_is_protocol", False):
        return []
    names = [n for n in inspect.signature(value).parameters if n != "self"]
    return names if inspect.isclass(value) or len(names) > MOST_UNEXPLAINED else []


def explained(value):
    """The arguments that the docstring explains under ``Args``, each on its line."""
    text = inspect.cleandoc(value.__doc__ or "")
    section = re.search(r"^Args:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    lines = section[1] if section else ""
    return set(re.findall(r"^    \*{0,2}(\w+): ", lines, re.MULTILINE))


def is_base(kind):
    """Whether others are derived from a class and it is nothing by itself."""
    return inspect.isabstract(kind) or "The base of the" in kind.__doc__


def test_arguments_are_explained():
    unexplained = {
        name: [a for a in arguments_of(value) if a not in explained(value)]
        for name, value in DOCUMENTED.items()
    }
    assert {name: lost for name, lost in unexplained.items() if lost} == {}


def test_explanations_are_of_arguments():
    """None is left of an argument that has gone or has another name."""
    for name, value in DOCUMENTED.items():
        known = set(inspect.signature(value).parameters)
        assert explained(value) <= known, name


def test_classes_have_examples():
    for name, value in DOCUMENTED.items():
        if name.split(".")[0] in WITH_EXAMPLES:
            is_part = inspect.isclass(value) and not is_base(value)
            if is_part or name.startswith("activations."):
                assert ">>>" in value.__doc__, name

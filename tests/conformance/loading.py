"""Execute Keras's test modules over `faces`, and say which cases they hold.

A module runs under its own name and from its own file. Only ``import`` is another one
within it: whatever it asks of Keras is answered by `faces`, at its head as in its
functions. Keras itself, imported elsewhere, stays as it is.
"""

import builtins
import dataclasses
import fnmatch
import functools
import tomllib
import types
import unittest
from pathlib import Path

from conftest import keras_on_jax

import jaxnet_mini as jn
from conformance import faces
from conformance.scope import ONLY, SCOPE

BEYOND = "functions of arrays beyond those of dense networks"


@dataclasses.dataclass(frozen=True)
class Case:
    """One method of one of Keras's test classes."""

    file: str
    group: type[unittest.TestCase]
    method: str

    @functools.cached_property
    def pattern(self):
        """The first that leaves it out, or None."""
        name = f"{self.group.__name__}::{self.method}"
        patterns = exclusions().get(self.file, {})
        return next((p for p in patterns if fnmatch.fnmatchcase(name, p)), None)

    @functools.cached_property
    def reason(self):
        """Why it is left out, or None."""
        reason = exclusions().get(self.file, {}).get(self.pattern)
        return BEYOND if reason is None and self.of_absent_function else reason

    @property
    def of_absent_function(self):
        """Whether it is named after a function of Keras's ``ops`` that is none here."""
        words = self.method.removeprefix("test_").split("_")
        names = ("_".join(words[:end]) for end in range(len(words), 0, -1))
        name = next((name for name in names if hasattr(faces.ops, name)), None)
        return self.file.startswith("ops/") and name and name not in dir(jn.ops)


@functools.cache
def exclusions():
    """Patterns of case names by file, each with its reason."""
    text = Path(__file__).with_name("exclusions.toml").read_text("utf-8")
    return tomllib.loads(text)


@functools.cache
def load(file):
    """Execute one of Keras's test files and return the module."""
    with keras_on_jax() as keras:
        path = Path(keras.__file__).parent / "src" / file
        name = "keras.src." + file.removesuffix(".py").replace("/", ".")
        module = types.ModuleType(name)
        module.__file__ = str(path)

        def import_(name, globals=None, locals=None, fromlist=(), level=0):
            if name.split(".")[0] in ("keras", "conftest", "tensorflow"):
                if not fromlist:
                    return faces.Package(file)
                found = {part: faces.find(file, f"{name}.{part}") for part in fromlist}
                return types.SimpleNamespace(**found)
            return builtins.__import__(name, globals, locals, fromlist, level)

        module.__builtins__ = vars(builtins) | {"__import__": import_}
        code = compile(path.read_text("utf-8"), path, "exec", dont_inherit=True)
        exec(code, vars(module))
    return module


@functools.cache
def cases(file):
    """All cases of a file, in its order."""
    module = load(file)
    groups = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, unittest.TestCase)
        and value.__module__ == module.__name__
        and value.__name__ in ONLY.get(file, [value.__name__])
    ]
    methods_of = unittest.TestLoader().getTestCaseNames
    return tuple(Case(file, g, method) for g in groups for method in methods_of(g))


def all_cases():
    return [case for file in SCOPE for case in cases(file)]

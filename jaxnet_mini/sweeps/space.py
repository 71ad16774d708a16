"""What a sweep goes through: names, their values, and the models that they make."""

import dataclasses
import inspect
import itertools
from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeAlias

import numpy as np

from jaxnet_mini.base import seeds
from jaxnet_mini.base.arguments import as_integer, is_function, is_number
from jaxnet_mini.core import origins
from jaxnet_mini.core.optimizers import OPTIMIZERS, Optimizer
from jaxnet_mini.core.optimizers.settings import options_of
from jaxnet_mini.core.training import traced
from jaxnet_mini.core.training.traced import Place, Traced
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, find, short
from jaxnet_mini.models import held as holding
from jaxnet_mini.models.load import of_copied
from jaxnet_mini.models.model import Model
from jaxnet_mini.models.subclass import is_called

Space: TypeAlias = Mapping[str, Any]
"""Names of hyper-parameters to the values to try, all combinations of them."""

SEED = "seed"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One combination, and the model to train with it.

    Args:
        settings: the combination, by name.
        model: fresh and compiled, with these settings.
        template: what it was made from; all of one template learn from the same data.
        places: where numbers stand in the layers that differ from the template's.
        numbers: these numbers.
        trial: of Optuna's, whose settings they are; or None.
    """

    settings: dict[str, Any]
    model: Model
    template: Model
    places: tuple[Place, ...]
    numbers: tuple[float, ...]
    trial: Any = None

    def trainer(self, trainer: Trainer) -> Trainer:
        """Return a trainer of the template with this one's numbers, to be run."""
        fields = {f.name: getattr(trainer, f.name) for f in dataclasses.fields(Trainer)}
        fields["optimizer"] = self.model.trainer.optimizer
        if not self.places:
            return Trainer(**fields)
        return Traced(**fields, places=self.places, numbers=self.numbers)


def candidates(model: Any, space: Space, x: Any, y: Any) -> list[Candidate]:
    """Return a candidate for each combination, the last name's values changing first.

    Args:
        model: a compiled model, or a function that returns one.
        space: see `Space`; what the function does not take by name is a number of the
            model that it returns.
        x: what a model of a class with ``call`` finds out its outputs from.
        y: likewise.

    Raises:
        ArgumentError, UnknownNameError: a name or a value that cannot be.
        StateError: the model is not compiled.
    """
    values = {name: listed(name, given) for name, given in checked(space).items()}
    made = Candidates(model, values, x, y)
    return [
        made.of(dict(zip(values, combination, strict=True)))
        for combination in itertools.product(*values.values())
    ]


class Candidates:
    """Makes candidates, of which those with the same layers share a template.

    Args:
        model: see `candidates`.
        names: of the space.
        x: see `candidates`.
        y: likewise.
    """

    def __init__(self, model: Any, names: Iterable[str], x: Any, y: Any) -> None:
        self._model, self._examples = model, (x, y)
        self._taken = _parameters(model, names)
        self._templates: dict[tuple[Any, ...], tuple[Model, dict[str, Any]]] = {}
        self._trace = origins.Trace()

    def of(self, settings: dict[str, Any], trial: Any = None) -> Candidate:
        """Return the candidate of one combination.

        Raises:
            ArgumentError, UnknownNameError, StateError: see `candidates`.
        """
        taken = self._taken
        built = {name: value for name, value in settings.items() if name in taken}
        own = {name: value for name, value in settings.items() if name not in taken}
        key = tuple(map(_key, built.values()))
        with origins.within(self._trace):  # all of them share programs
            if key not in self._templates:
                template = _template(self._model, built, *self._examples)
                _check_step(template)
                self._templates[key] = template, built  # whose identities stay theirs
            template, _ = self._templates[key]
            made = _candidate(template, settings, own, taken)
        return dataclasses.replace(made, trial=trial)


def _check_step(template: Model) -> None:
    """Raise an ArgumentError where a class has a step that knows its own model."""
    if template.trainer.own_method(training=True) is not None:
        raise ArgumentError(
            f"{type(template).__name__} has a train_step of its own, which goes by one "
            "model's lists of variables, and members of a sweep train together: give "
            "compile a pure train_step(step, state, batch), or fit the models one by "
            "one."
        )


def _key(value: Any) -> Any:
    """Return what equal values have in common, as far as that is easily told."""
    simple = isinstance(value, bool | int | float | str)
    return (type(value), value) if simple else id(value)


def checked(space: Any) -> Mapping[str, Any]:
    """Return a space.

    Raises:
        ArgumentError: it is none.
    """
    if not isinstance(space, Mapping) or not space:
        raise ArgumentError(
            "space maps names to the values to try, such as "
            '{"learning_rate": [1e-3, 1e-2], "seed": range(4)}, '
            f"not {_shown(space)}."
        )
    return space


def listed(name: str, values: Any) -> list[Any]:
    """Return the values of a name, as Python's where they are numbers.

    Raises:
        ArgumentError: there are none.
    """
    advice = "put a single one in brackets."
    if hasattr(values, "__array__"):
        wrong, advice = np.ndim(values) != 1, "give it one axis, such as by .ravel()."
    elif isinstance(values, Set):
        wrong, advice = True, "a set has no order, so make a list of it."
    elif type(values).__name__.endswith("Distribution"):
        wrong, advice = True, "give the study that draws from it as sampler."
    else:
        single = isinstance(values, str | bytes | Mapping)
        wrong = single or not isinstance(values, Iterable)
    if wrong:
        raise ArgumentError(
            f"space[{name!r}] must be a list of values to try, or an array of one "
            f"axis, not {_shown(values)}: {advice}"
        )
    found = [_plain(value) for value in values]
    if name == SEED:  # others are refused by name, with the rest of their model
        whole = [as_integer(value) for value in found]
        found = [v if n is None else n for v, n in zip(found, whole, strict=True)]
    if not found:
        raise ArgumentError(
            f"space[{name!r}] is empty: give it a value or leave it out."
        )
    return found


def _shown(value: Any) -> str:
    """Return what a message says of a value; arrays would take several lines."""
    if hasattr(value, "__array__"):
        return f"an array of shape {np.shape(value)}"
    return short(value)


def _plain(value: Any) -> Any:
    """Return NumPy's and JAX's numbers as Python's."""
    return value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value


def _parameters(model: Any, names: Iterable[str]) -> set[str]:
    """Return what a function that builds models takes of these names."""
    if isinstance(model, Model):
        return set()
    if isinstance(model, type) or not is_function(model):
        raise ArgumentError(
            "model must be a compiled model, or a function that returns one, "
            f"not {_shown(model)}."
        )
    parameters = inspect.signature(model).parameters.values()
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    taken = {p.name for p in parameters if p.kind in by_name} & set(names)
    for parameter in parameters:
        needed = parameter.default is parameter.empty and parameter.kind not in variable
        if needed and parameter.name not in taken:
            raise ArgumentError(
                f"the function that builds a model needs {parameter.name!r}, which "
                f"space does not give it by name: add {parameter.name!r} to space, or "
                "give it a default."
            )
    return taken


def _template(model: Any, settings: dict[str, Any], x: Any, y: Any) -> Model:
    built: Model
    if isinstance(model, Model):
        built = model
    else:
        built = model(**settings)
        if not isinstance(built, Model):
            raise ArgumentError(
                "the function that builds a model must return a model, and "
                f"returned {short(built)} for {settings}."
            )
    held = holding.of(built)
    held.check_compiled()
    if is_called(type(built)) and x is not None:
        held.adopt(held.outline_for(x, y))
    return built


def _candidate(
    template: Model,
    settings: dict[str, Any],
    own: dict[str, Any],
    taken: Iterable[str],
) -> Candidate:
    trainer = template.trainer
    _check_columns(taken, trainer)
    optimizer: Any = trainer.optimizer
    of_optimizer: dict[str, tuple[Place, ...]] = {}
    if isinstance(optimizer, Optimizer):
        of_optimizer = dict.fromkeys(_numbers(type(optimizer)), ())
    of_layers = _by_name(traced.places(template.net))
    known = {SEED: ()} | of_layers | of_optimizer | dict.fromkeys(taken, ())
    seed, net = template.seed, template.net
    places: list[Place] = []
    filled: list[float] = []
    for name, value in own.items():
        if name not in known:
            _check_optimizer(optimizer, name)
        find(known, name, "hyper-parameter")
        try:
            if name == SEED:
                seed = seeds.check_seed(value)
                continue
            _check_number(name, value, of_optimizer and optimizer.learning_rate)
            if name in of_optimizer:
                optimizer = dataclasses.replace(optimizer, **{name: value})
            else:
                net = traced.replaced(
                    net, of_layers[name], [value] * len(of_layers[name])
                )
                places += of_layers[name]
                filled += [float(value)] * len(of_layers[name])
        except ArgumentError as error:
            raise ArgumentError(f"space[{name!r}]: {error}") from None
    if len(set(places)) < len(places):
        raise ArgumentError(
            f"space names a number of a layer twice, in {', '.join(map(repr, own))}: "
            "leave one of the names out."
        )
    shape = holding.of(template).blueprint.input_shape
    model = of_copied(net, shape, template.name, seed, like=template)
    held = holding.of(model)
    held.trainer = dataclasses.replace(trainer, net=model.net, optimizer=optimizer)
    return Candidate(settings, model, template, tuple(places), tuple(filled))


def _check_columns(taken: Iterable[str], trainer: Trainer) -> None:
    """Raise an ArgumentError where an argument and a figure would share a column."""
    logged = [*trainer.loss_names, *(metric.name for metric in trainer.all_metrics)]
    columns = {"epochs", "note", *logged, *(f"val_{name}" for name in logged)}
    for name in sorted(columns.intersection(taken)):
        raise ArgumentError(
            f"space names {name!r}, which the results already have a column of: give "
            f"that argument of the function another name, such as {name + '_'!r}."
        )


def _numbers(optimizer: type[Optimizer]) -> list[str]:
    options = {*options_of(optimizer)} - {"undecayed"}  # words, and no number
    return [
        f.name
        for f in dataclasses.fields(optimizer)
        if isinstance(f.default, float) or (f.name in options and f.default is None)
    ]


def _check_optimizer(optimizer: Any, name: str) -> None:
    """Raise an ArgumentError where a number is sought within another value."""
    known = {number for kind in OPTIMIZERS.values() for number in _numbers(kind)}
    if name in known and not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"the model is compiled with a transformation of optax, and {name!r} is "
            "built into it: compile it with one of jaxnet_mini.optimizers, or give "
            f"sweep a function that takes {name!r} and builds the model."
        )
    rate = getattr(optimizer, "learning_rate", None)
    if dataclasses.is_dataclass(rate) and hasattr(rate, name):
        raise ArgumentError(
            f"{name!r} is a number of the schedule {rate!r}: try whole schedules, "
            f'{{"learning_rate": [{type(rate).__name__}(...), ...]}}.'
        )


def _check_number(name: str, value: Any, rate: Any) -> None:
    """Raise an ArgumentError where a value is no number; its range is checked later."""
    if name == "learning_rate" and callable(value):
        return
    if not is_number(value):
        raise ArgumentError(
            f"each value must be a number, and one is {_shown(value)}: write for "
            f'example {{"{name}": [0.1, 0.2]}}.'
        )
    if name == "learning_rate" and callable(rate):
        raise ArgumentError(
            f"the optimizer's learning rate follows a schedule, and {value!r} would "
            "take its place: compile the model with a number, or try schedules."
        )


def _by_name(places: dict[str, Place]) -> dict[str, tuple[Place, ...]]:
    """Return the places by their paths, and by each end of these."""
    found: dict[str, tuple[Place, ...]] = {}
    for path, place in places.items():
        parts = path.split("/")
        for first in range(len(parts)):
            name = "/".join(parts[first:])
            found[name] = (*found.get(name, ()), place)
    return found

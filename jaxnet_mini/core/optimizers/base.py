"""What an optimizer is: a frozen value that stands for a transformation of optax."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import optax
from jax import Array

from jaxnet_mini.base import arguments
from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import (
    is_number,
)
from jaxnet_mini.core import fields
from jaxnet_mini.core.fields import Checked, Flag, WithConfig, facts
from jaxnet_mini.core.optimizers import lists
from jaxnet_mini.core.optimizers.options import decaying_in_part, with_options
from jaxnet_mini.core.optimizers.rates import formula_of, from_state
from jaxnet_mini.core.optimizers.settings import (
    MOMENTUM,
    OPTION,
    PERIOD,
    SEVERAL,
    Clip,
    Option,
    Patterns,
    Rate,
    check_patterns,
    check_rate_or_number,
    check_undecayed,
    options_of,
)
from jaxnet_mini.core.transformations import OwnTransformation, lenient
from jaxnet_mini.core.types import Params
from jaxnet_mini.core.values import Settings, Value, is_in_use
from jaxnet_mini.core.variables import Variable
from jaxnet_mini.errors import ArgumentError, StateError, short

OptimizerState: TypeAlias = Any
"""What a transformation carries from step to step, a pytree."""

Own = TypeVar("Own", bound="Optimizer")


def _otherwise(field: dataclasses.Field[Any]) -> fields.Check | None:
    """Return how a field of a user's own is checked that declares nothing."""
    by_default: dict[type, fields.Check] = {
        bool: arguments.check_flag,
        float: check_rate_or_number,
    }
    return by_default.get(type(field.default))


@dataclasses.dataclass(frozen=True, repr=False)
class Optimizer(WithConfig, Value):
    """The base of the optimizers: a frozen, hashable value.

    A subclass is a frozen dataclass whose ``factory`` takes its fields by name and
    returns a transformation of optax. A field with a float or a bool for its default is
    checked as the numbers and flags here are.

    Args:
        learning_rate: a number of at least 0, or a schedule ``step -> number``, such as
            those of `jaxnet_mini.optimizers.schedules` and of optax.
        clipnorm: the gradient of each array of parameters is scaled down to at most
            this L2 norm; a number above 0, or None for no such clipping.
        clipvalue: likewise, each entry of a gradient is cut to at most this size.
        global_clipnorm: likewise, all gradients together are scaled down to this norm.
        use_ema: whether to keep a moving average of the parameters after each step,
            which takes their place at the end of ``fit``.
        ema_momentum: the share of the average that stays at each step, in [0, 1].
        ema_overwrite_frequency: the average takes their place after so many steps, too,
            at least 1; None for the end alone.
        gradient_accumulation_steps: so many gradients, at least 2, are averaged for
            each update; None for one. Schedules go on counting steps.
        undecayed: what no ``weight_decay`` shrinks, see `exclude_from_weight_decay`:
            paths of parameters, such as ``"dense/bias"``, and regular expressions that
            are found in their names, such as ``"bias"``; None for nothing.

    Keras's optimizers have a ``weight_decay`` besides: before each update parameters
    are multiplied by ``1 - learning_rate weight_decay``, biases too.

    Raises:
        ArgumentError: a number is below 0 or not finite; a share that stays from step
            to step is 1 or more; a flag is neither True nor False; two ways of clipping
            are asked for.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Sign(Optimizer):
    ...     factory = staticmethod(optax.sign_sgd)
    >>> Sign(0.5)
    Sign(learning_rate=0.5)
    """

    _what = "optimizer"
    factory: ClassVar[Callable[..., optax.GradientTransformation]]

    absent_at_zero: ClassVar[tuple[str, ...]] = ()
    """Fields that leave a part of the algorithm out where they are 0 or False."""

    static: ClassVar[tuple[str, ...]] = ()
    """Numbers that are a part of the program: others are another one."""

    adds_decay: ClassVar[bool] = False
    """Whether ``weight_decay`` is the factory's, which looks at no parameters else."""

    learning_rate: Rate = 0.001
    _: dataclasses.KW_ONLY
    clipnorm: Clip = None
    clipvalue: Clip = None
    global_clipnorm: Clip = None
    use_ema: Option[Flag] = False
    ema_momentum: Option[Annotated[float, MOMENTUM]] = 0.99
    ema_overwrite_frequency: Option[Annotated[int, PERIOD] | None] = None
    gradient_accumulation_steps: Option[Annotated[int, SEVERAL] | None] = None
    undecayed: Option[Annotated[Patterns, Checked(check_undecayed)] | None] = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "__repr__" not in vars(cls):  # @dataclass then writes none of its own
            cls.__repr__ = Optimizer.__repr__  # type: ignore[method-assign]

    @classmethod
    def from_config(cls: type[fields.Made], config: Mapping[str, Any]) -> fields.Made:
        """Return one made of what its or ``model.optimizer``'s ``get_config`` returned.

        The latter has Keras's ``"name"`` besides, by which nothing is made here.
        """
        return cls(**{name: config[name] for name in config if name != "name"})

    def __post_init__(self) -> None:
        fields.check_fields(self, f"{type(self).__name__}: ", _otherwise)
        clips = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in clips if getattr(self, name) is not None]
        if len(given) > 1:
            raise ArgumentError(
                f"{type(self).__name__}: one of {', '.join(clips)} clips the "
                f"gradients, not {' and '.join(given)}: leave the others out."
            )

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Patterns | None = None
    ) -> None:
        """Let ``weight_decay`` pass over some parameters, before this is compiled with.

        A later call takes the place of an earlier one. ``model.optimizer`` has it for a
        compiled model. Files of Keras do not say what is passed over.

        Args:
            var_list: weights of the model, such as ``model.layers[0].bias``.
            var_names: regular expressions; parameters in whose name one is found, which
                is ``"kernel"`` or ``"bias"``, do not decay.

        Raises:
            ArgumentError: one is none of these, or the class has no weight decay that
                could pass over some.
            StateError: a program may have been made of this.

        >>> from jaxnet_mini.optimizers import AdamW
        >>> optimizer = AdamW(0.01)
        >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
        >>> optimizer.undecayed
        ('bias',)
        """
        if is_in_use(self):
            raise StateError(
                f"this {type(self).__name__} is in use and stays as it is: call "
                "exclude_from_weight_decay before compile, or that of model.optimizer."
            )
        other = self.excluding(var_list, var_names)
        object.__setattr__(self, "undecayed", other.undecayed)

    def excluding(self: Own, var_list: Any, var_names: Any) -> Own:
        """Return another one, see `exclude_from_weight_decay`."""
        kind: Any = type(self)
        if "weight_decay" not in options_of(kind) and not kind.adds_decay:
            raise ArgumentError(
                f"{kind.__name__} has no weight_decay of which anything could be "
                "excluded: choose one of jaxnet_mini.optimizers, such as AdamW."
            )
        paths: list[Any] = [getattr(own, "path", None) for own in var_list or ()]
        for index, path in enumerate(paths):
            if path is None:
                raise ArgumentError(
                    f"var_list[{index}] must be a weight of a model, such as "
                    f"model.layers[0].bias, not {short(var_list[index])}."
                )
        names = check_patterns("var_names", var_names or ()) or ()
        return dataclasses.replace(self, undecayed=(*paths, *names))

    @functools.cached_property
    def _built(self) -> Any:  # passed over by what compares values
        raise StateError(
            f"this {type(self).__name__} has no variables yet: call "
            "optimizer.build(model.trainable_variables) first."
        )

    def build(self, variables: Sequence[Any]) -> None:
        """Make `variables`, for a loop of one's own by `stateless_apply`.

        Args:
            variables: what is to be trained, ``model.trainable_variables`` or arrays.
        """
        own = lists.Lists.of(self, variables)
        state = lists.variables_of(own.init(variables), type(self).__name__)
        vars(self)["_built"] = own, state

    @property
    def variables(self) -> list[Variable]:
        """Its state as a list, to start `stateless_apply` from and to assign to.

        Raises:
            StateError: it is not built.
        """
        return list(self._built[1])

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Any],
        grads: Sequence[Any],
        trainable_variables: Sequence[Any],
    ) -> tuple[list[Array], list[Array]]:
        """Return what is trained and the `variables` after a step; a pure function.

        Args:
            optimizer_variables: before the step.
            grads: the gradients, in the order of what was given to `build`.
            trainable_variables: the parameters before the step, likewise.

        Raises:
            StateError: it is not built.
            ArgumentError: there are more or fewer arrays than it was built for.

        >>> from jaxnet_mini.optimizers import SGD
        >>> optimizer = SGD(0.5)
        >>> optimizer.build([1.0])
        >>> (after,), _ = optimizer.stateless_apply(optimizer.variables, [1.0], [1.0])
        >>> float(after)
        0.5
        """
        own: lists.Lists = self._built[0]
        return own.apply(optimizer_variables, grads, trainable_variables)

    def __repr__(self) -> str:
        shown = (f"{name}={own!r}" for name, own in fields.written(self).items())
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _used(self) -> dict[str, Any]:
        """Return what the factory is to be given, what the state holds as floats."""
        kind: Any = type(self)
        said = facts(kind)
        own = {name: getattr(self, name) for name in said if OPTION not in said[name]}
        return {
            n: float(v) if is_number(v) and n not in self.static else v
            for n, v in own.items()
            if v or n not in self.absent_at_zero
        }

    def _options(self) -> dict[str, Any]:
        """Return the numbers of the options that are asked for, by name."""
        given = {name: getattr(self, name) for name in options_of(type(self))}
        averaging, _ = given.pop("use_ema"), given.pop("undecayed")
        return {
            name: value
            for name, value in given.items()
            if value is not None and (averaging or not name.startswith("ema_"))
        }

    def transformation(self) -> optax.GradientTransformation:
        """Return the optax transformation, one object per kind of optimizer.

        Optimizers that differ in numbers only, those of schedules too, share it, and
        with it every compiled program. `init` puts the numbers into its state.
        """
        hash(self)  # from now on it is in use
        kind: Any = type(self)
        used = self._used().items()
        fixed = ((n, float if type(v) is float else formula_of(v)) for n, v in used)
        settings, options = Settings(tuple(fixed)), tuple(self._options())
        return _transformation(kind, settings, options, tuple(self.undecayed or ()))

    def init(self, params: Params) -> OptimizerState:
        """Return the state of a first step, with this optimizer's own numbers."""
        # Not by the shared transformation: what starts from a number, as Adagrad's
        # accumulators do, starts from this optimizer's own.
        numbers = self._used(), self._options()
        return _injected(type(self), *numbers, tuple(self.undecayed or ())).init(params)


def positional(function: Callable[..., Any]) -> Any:
    """Return a factory that gives a function of optax the fields in their order."""

    def factory(**numbers: Any) -> optax.GradientTransformation:
        return lenient(function(*numbers.values()))

    return staticmethod(factory)


_WHOLE = ("ema_overwrite_frequency", "gradient_accumulation_steps")


def _injected(
    kind: Any,
    settings: dict[str, Any],
    options: dict[str, Any],
    undecayed: tuple[str, ...],
) -> optax.GradientTransformation:
    """Return the transformation of these settings, whose numbers its state holds."""
    taken = inspect.signature(kind.factory).parameters.values()
    given = {p.name: p.default for p in taken if p.default is not p.empty}
    given = {} if options else given  # a factory's own numbers are in the state, too
    given |= {name: from_state(value) for name, value in settings.items()}

    def factory(**numbers: Any) -> optax.GradientTransformation:
        own = kind.factory(**{name: numbers[name] for name in given})
        if undecayed and kind.adds_decay:
            own = decaying_in_part(own, undecayed)
        asked, rate = {name: numbers[name] for name in options}, "learning_rate"
        return with_options(own, numbers[rate], asked, undecayed) if asked else own

    named = (*given, *options)
    factory.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in named]
    )
    numbers = {
        n: np.asarray(v, np.int32) if n in _WHOLE else float(v)
        for n, v in options.items()
    }
    return optax.inject_hyperparams(factory, kind.static)(**given, **numbers)


@functools.lru_cache(maxsize=256)
def _transformation(
    kind: Any, settings: Settings, options: tuple[str, ...], undecayed: tuple[str, ...]
) -> optax.GradientTransformation:
    """Return the transformation of settings; for numbers there is ``float`` in them."""
    defaults = {f.name: f.default for f in dataclasses.fields(kind)}
    numbers = {n: d if is_number(d) else 1.0 for n, d in defaults.items()}
    given = {n: numbers[n] if v is float else v for n, v in settings.pairs}
    transformation = _injected(kind, given, dict.fromkeys(options, 2.0), undecayed)
    ours = attributes.is_ours(kind)
    return OwnTransformation(*transformation) if ours else transformation

"""What a model holds: its blueprint, its trainer and its state, in one place.

The blueprint and the trainer are frozen values, and so is each state: what changes is
which of them is held. All that changes it stands here, and waits its turn.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxnet_mini.base.turns import Turn
from jaxnet_mini.core import origins
from jaxnet_mini.core.layers import Normalization
from jaxnet_mini.core.networks import weights
from jaxnet_mini.core.networks.graph import output_names
from jaxnet_mini.core.networks.outline import NetOutline
from jaxnet_mini.core.networks.symbolic import Written
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Layer, RandomKey, Variables
from jaxnet_mini.devices import programs
from jaxnet_mini.errors import LayerError, StateError, short
from jaxnet_mini.models import adapting, begun, places, standing
from jaxnet_mini.models.begun import Begun
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.copying import Copied, none
from jaxnet_mini.models.few_rows import FewRows
from jaxnet_mini.models.places import Path, Place
from jaxnet_mini.models.weights import placed


@dataclasses.dataclass(eq=False)
class Held(Copied):
    """The three values of a model.

    Args:
        blueprint: its layers and their shapes.
        trainer: how it learns; None before `compile`, and where that depends on
            outputs that are not known yet.
        make: makes it of a blueprint; None before `compile`, and of a copy.
        turn: who may change them now.
        looked_at: the trainer that was last looked through for mismatches.
        draws: how many keys have been drawn for calls in training.
        written: what stands for what the model takes and gives, once it was asked for.
        called: the blueprint as one layer of a model that calls it, likewise.
        begun: how far the optimizer was when layers were last frozen or thawed.
        few_rows: what predictions of some rows remember.
    """

    blueprint: Blueprint
    trainer: Trainer | None = dataclasses.field(default_factory=none)
    turn: Turn = dataclasses.field(default_factory=Turn)
    looked_at: Trainer | None = dataclasses.field(default_factory=none)
    draws: int = dataclasses.field(default_factory=int)
    written: Written | None = dataclasses.field(default_factory=none)
    called: tuple[Blueprint, Layer] | None = dataclasses.field(default_factory=none)
    make: Callable[..., Trainer | None] | None = dataclasses.field(default_factory=none)
    begun: Begun | None = dataclasses.field(default_factory=none)
    few_rows: FewRows = dataclasses.field(default_factory=FewRows)

    def __post_init__(self) -> None:
        self._state: TrainState | None = None
        self._settle()

    # What it shares with others

    @property
    def state(self) -> TrainState | None:
        """What training changes; None until it is first asked for."""
        if self._state is not None and self._places:
            self._state = places.read(self._state, self._places, self._seen)
        return self._state

    @state.setter
    def state(self, state: TrainState | None) -> None:
        self._state = state
        if state is not None and self._places:
            places.write(state, self._places, self._seen)

    def _settle(self) -> None:
        """Find out which weights are shared with other models, and begin to."""
        self._places: dict[Path, Place] = standing.mark(self.blueprint, self)
        self._seen: dict[Path, int] = {}
        for place in self._places.values():
            # Those that stood there before may have been trained since.
            holders = [holder for holder in place.holders if holder is not self]
            place.holders.add(self)
            for holder in (*holders, self):
                holder._lend(place)
        for path, layer in places.within(self.blueprint.net):
            if isinstance(layer, Normalization) and path in self._places:
                place = self._places[path]
                vars(layer)["_tell"] = functools.partial(adapting.adapt, place)
                vars(layer)["_ask"] = functools.partial(adapting.statistics, place)

    @property
    def is_new(self) -> bool:
        """Whether there are no weights, here or in models that share some."""
        shared = any(place.value is not None for place in self._places.values())
        return self._state is None and not shared

    def _lend(self, place: Place) -> None:
        """Put weights into a place that has none, if there are any."""
        if self._state is not None and place.value is None and place.is_shared:
            own = {path: one for path, one in self._places.items() if one is place}
            places.write(self._state, own, self._seen)

    def next_key(self) -> RandomKey:
        """Return another key at each call, all of the model's seed."""
        # Beside those of training, which are folded in from 0 on.
        apart = jax.random.fold_in(jax.random.key(self.blueprint.seed), 2**32 - 1)
        self.draws += 1
        return jax.random.fold_in(apart, self.draws - 1)

    # The blueprint

    def build(self, blueprint: Blueprint) -> None:
        """Take other layers or shapes; layers that stay keep their weights."""
        self.turn.check("the layers", compiled=True)
        begun.keep_rate(self)
        self.blueprint, self._state = blueprint, self._kept(blueprint)
        self._settle()

    def rename(self, **named: Any) -> None:
        """Take another name or seed, and nothing else."""
        self.blueprint = dataclasses.replace(self.blueprint, **named)

    def outline_for(self, x: Any, y: Any = None) -> NetOutline:
        """Return `Blueprint.outline_for`; errors likewise."""
        self.take_several(x, y)
        return self.blueprint.outline_for(x, y)

    def take_several(self, x: Any, y: Any = None) -> None:
        """Let a class with a ``call`` find out from data that it takes several inputs.

        Nothing happens where the input shape is known, or ``x`` is one array.
        """
        layers: Any = self.blueprint.net.layers
        if layers and not self.blueprint.built and hasattr(layers[0], "graph_of"):
            found = layers[0].graph_of(x, y)
            if found is not None:
                self.build(self.blueprint.for_inputs(found[1], found[0]))

    def adopt(self, outline: NetOutline) -> None:
        """Take the shapes of the first data seen, where none were known."""
        if not self.blueprint.built:
            self.blueprint = self.blueprint.with_outline(outline)
            self._settle()

    def _kept(self, new: Blueprint) -> TrainState | None:
        """Return the state that a changed model begins with, if there was any."""
        if self.state is None or new.input_shape is None or not new.net.layers:
            return None
        # By place: a layer gives up its default name where a new one is given it.
        pairs = list(zip(self.blueprint.net.names, new.net.names, strict=False))
        params, remembered = self.state.variables
        kept = Variables(
            {name: params[old] for old, name in pairs},
            {name: remembered[old] for old, name in pairs if old in remembered},
        )
        expected = weights.shapes(new.shapes)
        for path, value in weights.of(kept).items():
            weights.cast_to(path, expected[path], value)
        seed = np.uint32(new.seed)
        state: TrainState = programs.untrained(new.traced, new.input_shape, seed)
        return state._replace(
            params=state.params | kept.params,
            layer_state=state.layer_state | kept.state,
        )

    def exchange(
        self, new: Mapping[Path, Layer], change: Callable[[], None] = lambda: None
    ) -> None:
        """Take other layers in place of some, in all models that share their weights.

        They have the same weights. Where others of them are trained, the optimizer
        begins afresh, and goes on where it was once the same are trained again.

        Args:
            new: the layers, by the paths of those in whose place they come.
            change: changes those that stay as objects.

        Raises:
            LayerError: one stands within a layer of another kind.
        """
        holders: dict[Held, None] = {self: None}
        for path in new.keys() & self._places.keys():
            holders |= dict.fromkeys(self._places[path].holders)
        for holder in holders:
            holder.turn.check("the layers", compiled=True)
        own, swapped = dict(places.within(self.blueprint.net)), dict[int, Layer]()
        own |= {(part.name,): part.layer for part in self.blueprint.inputs}
        for path, layer in new.items():
            if path not in own:
                raise LayerError(
                    f"{layer!r} stands in a class with a call of its own, which has "
                    "it as it is: say trainable=False where the layer is made."
                )
            swapped[id(own[path])] = layer
        for holder in holders:
            begun.put_aside(holder)
        change()
        for path, layer in new.items():
            places.move(own[path], layer)
        for holder in holders:
            holder._exchange(swapped)

    def adapt(self, path: Path, layer: Layer) -> None:
        """Take what a `Normalization` was adapted to, for the one at a path.

        Raises:
            ShapeError: that does not fit what comes to it.
        """
        own: Any = layer
        if self.state is None and path in self._places:
            swapped = {id(dict(places.within(self.blueprint.net))[path]): layer}
            for holder in self._places[path].holders:
                if holder.blueprint.built:  # an error comes before anything changes
                    new = holder.blueprint.with_exchanged(swapped)
                    new.shape_for(new.input_shape)
            self.exchange({path: layer})
            return
        old = places.at(self.untrained().variables, path).state
        mean, variance = (
            adapting.like(old["mean"], one, layer) for one in own.adapted_to
        )
        at = "/".join(path)
        self.replace({f"{at}/mean": mean, f"{at}/variance": variance})

    def _exchange(self, swapped: Mapping[int, Layer]) -> None:
        state = self.state
        self.blueprint = self.blueprint.with_exchanged(swapped)
        if self.written is not None:
            self.written = self.written._replace(net=self.blueprint.net)
        if state is not None:
            self._state = begun.after(self.begun, self.blueprint.shapes, state)
        self._settle()

    # The trainer

    @property
    def is_compiled(self) -> bool:
        """Whether it was said how to train."""
        return self.trainer is not None or self.make is not None

    def compile(
        self, make: Callable[..., Trainer | None], goes_on: bool = False
    ) -> None:
        """Take another trainer; the weights stay, its optimizer starts afresh.

        Args:
            make: makes it of the blueprint, and of ``optimizer=`` in place of the first
                one; None where that is too early.
            goes_on: whether it is the optimizer that there is, which goes on.
        """
        with self.turn.making:
            self.turn.check("how to train", compiled=True)
            self.trainer, self.make = make(self.blueprint), make
            self.blueprint = self.blueprint.retraced()
            if self.state is not None and not goes_on:
                self.begun = None
                self.state = self.state._replace(optimizer_state=None)

    def tune(self, optimizer: Any) -> None:
        """Take another optimizer whose state is like that of the one before.

        Args:
            optimizer: of the class that the model was compiled with.
        """
        with self.turn.making:
            self.turn.check("how to train", compiled=True)
            self.trainer = dataclasses.replace(self.compiled(), optimizer=optimizer)
            if self.make is not None:
                self.make = functools.partial(self.make, optimizer=optimizer)

    def compiled(self) -> Trainer:
        """Return the trainer, of the layers as they are now.

        Raises:
            StateError: the model is not compiled, or its outputs are not known yet.
        """
        self.check_compiled()
        net = self.blueprint.net
        known = self.trainer is not None and self.trainer.outputs == output_names(net)
        if self.make is not None and not known:  # what call returns was found out since
            self.trainer = self.make(self.blueprint)
        if self.trainer is None:
            raise self.blueprint.unknown_shape()
        if self.trainer.net is not net:  # layers were added since
            trace = origins.trace_for(net) or self.trainer.trace
            self.trainer = dataclasses.replace(self.trainer, net=net, trace=trace)
        return self.trainer

    def check_compiled(self) -> None:
        """Raise a StateError where the model is not compiled."""
        if not self.is_compiled:
            raise StateError(
                "the model is not compiled: call model.compile(optimizer, loss, "
                "metrics) first."
            )

    # The state

    def untrained(self) -> TrainState:
        """Return the state, made where there was none; its optimizer may be None."""
        shape, state = self.blueprint.known_shape, self.state
        if state is None:
            with self.turn.making:
                # Meanwhile another thread may have made it.
                state = self.state
                if state is None:
                    seed = np.uint32(self.blueprint.seed)
                    state = programs.untrained(self.blueprint.traced, shape, seed)
                    # Others may have trained some of it.
                    state = places.read(state, self._places, self._seen)
                    self.state = state
        return state

    def trained(self) -> TrainState:
        """Return the state with that of the optimizer, as the next step takes it."""
        with self.turn.making:
            if self.is_new:
                self.state = programs.fresh(*self._start())
            elif (state := self.untrained()).optimizer_state is None:
                own = programs.with_optimizer(self.compiled(), state)
                # All else stays what it is, as `begun` asks.
                self.state = state._replace(optimizer_state=own.optimizer_state)
            return self.untrained()

    def ahead(self) -> TrainState:
        """Return `trained`, or its shapes and dtypes where it is still to be made.

        What makes it is then being compiled.
        """
        with self.turn.making:
            if self.is_new:
                start = self._start()
                self.state = programs.fresh.at_once(*start)
                if self.state is None:
                    programs.fresh.compile_ahead(*start)
                    shapes: TrainState = programs.fresh.shapes(*start)
                    return shapes
        return self.trained()

    def put(self, state: TrainState) -> None:
        """Take another state, or raise a StateError while another thread trains."""
        with self.turn.making:
            self.turn.check("the state")
            self.state = state

    def replace(self, values: Mapping[str, Any]) -> None:
        """Put in other weights, given by path; those that are not given stay.

        Raises:
            ShapeError, DataError: one is of another shape, or cannot be held.
        """
        variables = self.untrained().variables
        expected = weights.shapes(self.blueprint.shapes)
        new = {
            path: placed(path, expected[path], values[path]) if path in values else own
            for path, own in weights.of(variables).items()
        }
        variables = weights.unflattened(variables, new)
        with self.turn.making:
            self.turn.check("the weights")
            self.state = self.untrained().with_variables(variables)

    def _start(self) -> tuple[Any, ...]:
        """Return what the first state is made of, see `programs.fresh`."""
        blueprint = self.blueprint
        return self.compiled(), blueprint.known_shape, np.uint32(blueprint.seed)


def of(model: Any) -> Held:
    """Return what a model holds, for the rooms that work with it.

    Raises:
        LayerError: it is none.
    """
    held = getattr(model, "_held", None)
    if not isinstance(held, Held):
        raise LayerError(
            f"a model is needed, such as Sequential([Dense(3)]), not {short(model)}."
        )
    return held

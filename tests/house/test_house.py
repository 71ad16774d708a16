"""The house: who may import whom, what an import costs, and the public names."""

import ast
import copy
import importlib
import importlib.metadata
import inspect
import re
import tomllib
import types
from collections import Counter
from pathlib import Path

import pytest
from interpreter import run

import jaxnet_mini

PACKAGE = Path(jaxnet_mini.__file__).parent
NAME = jaxnet_mini.__name__

# From the ground up: a part imports only from parts on floors below its own. The names
# without a folder are faces of a few lines, and `errors` is of the ground.
FLOORS = (
    {"base"},
    {"core"},
    {"devices", "plotting"}
    | {"activations", "initializers", "layers", "losses", "metrics", "optimizers"}
    | {"constraints", "mixed_precision", "ops", "random", "regularizers"},
    {"callbacks", "data", "datasets", "files", "views"},
    {"backend", "checkpoints", "export", "loops", "saving", "utils"},
    {"models"},
    {"sweeps"},
    # Neither knows the other: who imports the package needs no scikit-learn.
    {"", "sklearn"},
)
MOST_ARROWS = 106
MOST_ROOMS_AT_THE_TOP = 30
MOST_LINES = 400
MOST_WORDS = 420


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


SOURCES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in SOURCES.items()}


def imports_of(name):
    """Every module of the package that a module imports, wherever it does so."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                is_module = full.removeprefix(f"{NAME}.") in SOURCES
                found.add(full if is_module else node.module)
    ours = {full for full in found if full.split(".")[0] == NAME}
    return {full.removeprefix(NAME).removeprefix(".") for full in ours}


IMPORTS = {name: imports_of(name) for name in SOURCES}


def part_of(name):
    if name.endswith(".__main__"):
        return ""  # a command line knows all, as the package does
    part = name.split(".")[0]
    return "base" if part == "errors" else part


def floor_of(part):
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


ARROWS = {
    (part_of(name), part_of(imported))
    for name, imported in ((n, i) for n in SOURCES for i in IMPORTS[n])
    if part_of(name) != part_of(imported)
}


def test_every_part_has_one_floor():
    housed = [part for floor in FLOORS for part in floor]
    assert sorted(housed) == sorted({part_of(name) for name in SOURCES})


def test_parts_import_from_floors_below_their_own():
    for name in SOURCES:
        own = part_of(name)
        for imported in IMPORTS[name]:
            part = part_of(imported)
            below = part == own or floor_of(part) < floor_of(own)
            assert below, f"{name} <- {imported}"


def test_the_house_can_be_taken_in_at_a_glance():
    """A package that imports the faces for its users knows them all, and counts too."""
    assert len(FLOORS) <= 8
    assert len(ARROWS) <= MOST_ARROWS
    rooms = {path.relative_to(PACKAGE).parts[0] for path in SOURCES.values()}
    assert len(rooms - {"__init__.py"}) <= MOST_ROOMS_AT_THE_TOP


def test_keras_is_asked_in_one_place():
    """So that the tests of a room start without it."""
    folder = Path(__file__).parents[1]
    asks = re.compile(r"^\s*(?:import keras|from keras)|\bkeras_on_jax\b", re.M)
    asking = {
        path.relative_to(folder).parts[0]
        for path in folder.rglob("*.py")
        if path != Path(__file__) and asks.search(path.read_text("utf-8"))
    }
    # Its own tests are run, it is given its settings, and models are built in it.
    assert asking == {"conformance", "conftest.py", "keras", "support"}


def test_faces_are_of_a_few_lines():
    for name in SOURCES:
        if name and "." not in name and SOURCES[name].name != "__init__.py":
            assert name == "errors" or len(TREES[name].body) <= 8, name


def test_data_sets_know_plain_python_alone():
    for name in SOURCES:
        if part_of(name) == "datasets":
            others = {i for i in IMPORTS[name] if part_of(i) != "datasets"}
            assert others <= {"errors", "base.arguments", "base.cache_folder"}, name


IMPURE = {
    *("asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib"),
    *("queue", "random", "shutil", "signal", "socket", "subprocess", "tempfile"),
    *("threading", "time", "urllib", "warnings"),
}
OF_DEVICES = {"device_put", "devices", "local_devices", "default_device"}


def test_the_core_is_pure():
    """No file, clock, console, thread or device."""
    core = [name for name in SOURCES if part_of(name) == "core"]
    assert len(core) > 50
    for name in core:
        assert_pure(name)


def assert_pure(name):
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            modules = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules = {node.module.split(".")[0]}
        else:
            modules = set()
        assert not modules & IMPURE, f"{name} imports {modules & IMPURE}"
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "jax":
            assert node.attr not in OF_DEVICES, f"{name} asks for jax.{node.attr}"
    for word in ("open", "print", "input"):
        assert not calls_of(TREES[name], word), f"{name} calls {word}"


CHANGING = {"add", "append", "clear", "discard", "extend", "insert", "pop", "remove"}
CHANGING |= {"popitem", "setdefault", "update", "__setitem__"}


def tables_of(tree):
    """The names that a module gives to what could be changed."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = getattr(node, "targets", None) or [node.target]
            # A literal of numbers, words or a tuple is a constant.
            if not isinstance(node.value, ast.Constant | ast.Tuple):
                yield from (ast.unparse(target) for target in targets)


def changes_of(tree):
    """What code changes where it stands, and how: ``table.append`` and ``table[]``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CHANGING:
            yield ast.unparse(node.value), f".{node.attr}"
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield ast.unparse(node.value), "[]"
        elif isinstance(node, ast.Global):
            yield from ((name, " is global") for name in node.names)


def test_the_core_keeps_nothing_in_its_modules():
    """Its tables are constants: no code fills or changes one after it is written.

    But for what finds the weights of a layer that is called by itself: words for these
    are the models', and classes of layers are the core's.
    """
    core = {n: {*tables_of(TREES[n])} for n in SOURCES if part_of(n) == "core"}
    shared = {table for own in core.values() for table in own if table[0] != "_"}
    assert {"ACTIVATIONS", "OPTIMIZERS"} <= shared
    changed = {
        f"{name}: {table}{how}"
        for name in SOURCES
        for table, how in changes_of(TREES[name])
        if table in core.get(name, ()) or table.rpartition(".")[2] in shared
    }
    assert changed == {"models.alone: by_itself.HANDLE.append"}


def test_imports_have_no_cycle():
    done: set[str] = set()

    def visit(name, path):
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for imported in sorted(IMPORTS[name]):
                visit(imported, [*path, name])
            done.add(name)

    for name in SOURCES:
        visit(name, [])
    assert done == set(SOURCES)


def test_imports_are_read_as_python_reads_them():
    """The reader above finds each way of writing an import."""
    assert {"base.arguments", "core.types", "errors"} <= IMPORTS["core.layers.base"]
    assert {"callbacks.base", "callbacks.history"} <= IMPORTS["callbacks"]
    assert {"loops.feed", "loops.epochs", "models.held"} <= IMPORTS["models.fit"]


def test_a_class_has_a_name_of_its_own():
    """But for those that Keras has, such as the loss and the metric of one name."""
    found = Counter(
        node.name
        for tree in TREES.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    several = {name for name, times in found.items() if times > 1}
    faces = [jaxnet_mini.losses, jaxnet_mini.metrics, jaxnet_mini.layers]
    faces.append(jaxnet_mini.initializers)
    # Of the users' own layers, and the protocol that all layers follow.
    assert several - {"Layer"} <= {name for face in faces for name in face.__all__}


def test_files_fit_on_a_few_screens():
    """All but the words of a model, whose documentation is most of the file."""
    for name, path in SOURCES.items():
        text, most = path.read_text("utf-8"), MOST_LINES
        assert text.startswith('"""'), name
        if name == "models.model":
            text, most = ast.unparse(without_docstrings(TREES[name])), MOST_WORDS
        assert len(text.splitlines()) <= most, name


def without_docstrings(tree):
    tree = copy.deepcopy(tree)
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node) is not None:
            node.body[0] = ast.Pass()
    return tree


# Keras's own arguments, which its users give by position, and callbacks' likewise.
WORDS = {"models.model", "sweeps.sweep", "callbacks", "datasets", "views.graphviz"}


def test_functions_fit_on_a_screen():
    """At most 50 lines of code, and six arguments by position."""
    for name in SOURCES:
        assert_functions_fit(name)


def assert_functions_fit(name):
    lines = SOURCES[name].read_text("utf-8").splitlines()
    for function in functions_of(TREES[name]):
        first, last = function.lineno, function.end_lineno
        ours = set(range(first, last + 1))
        for inner in functions_of(function):
            if ast.get_docstring(inner) is not None:
                text = inner.body[0]
                ours -= {*range(text.lineno, text.end_lineno + 1)}
        code = [lines[number - 1].strip() for number in ours]
        code = [line for line in code if line and not line.startswith("#")]
        assert len(code) <= 50, f"{name}.{function.name}: {len(code)}"
        if not {name, name.split(".")[0]} & WORDS:
            given = [a for a in function.args.args if a.arg not in ("self", "cls")]
            assert len(given) <= 6, f"{name}.{function.name}: {len(given)}"


def functions_of(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def calls_of(tree, name):
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == name
    ]


def test_only_verbose_callbacks_print():
    """And a download, on stderr; all else a person sees goes through a console."""
    printing = {name for name, tree in TREES.items() if calls_of(tree, "print")}
    assert printing == {"callbacks.base", "datasets.download"}
    for function in ast.walk(TREES["callbacks.base"]):
        if isinstance(function, ast.FunctionDef) and function.name != "say":
            assert not calls_of(function, "print"), function.name
    said = {name: calls_of(tree, "say") for name, tree in TREES.items()}
    for name, calls in said.items():
        # One speaks always, as Keras's does: its line tells why training ended.
        own = {"callbacks.terminate": "1"}
        own |= dict.fromkeys(("loops.choose_feed", "checkpoints.kept_run"), "verbose")
        verbose = own.get(name, "self.verbose")
        assert {ast.unparse(call.args[0]) for call in calls} <= {verbose}, name
    assert sum(map(bool, said.values())) == 7
    for call in calls_of(TREES["datasets.download"], "print"):
        assert "sys.stderr" in {ast.unparse(word.value) for word in call.keywords}


def test_no_debugging_is_left():
    for name, path in SOURCES.items():
        assert not calls_of(TREES[name], "breakpoint"), name
        text = path.read_text("utf-8")
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|jax\.debug\.\w+\(", text), name


def test_extras_that_errors_name_can_be_installed():
    text = (PACKAGE.parent / "pyproject.toml").read_text("utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    named = {
        call.args[1].value
        for tree in TREES.values()
        for call in calls_of(tree, "import_extra")
        if isinstance(call.args[1], ast.Constant)
    }
    assert {"onnx", "plot", "stablehlo"} <= named <= {*extras}


# What an import costs


@pytest.fixture(scope="module")
def modules_added():
    """The modules that jaxnet_mini adds to those of jax, optax and jaxtyping."""
    return set(
        run(
            "-c",
            "import sys, jax, optax, jaxtyping; before = set(sys.modules);"
            "import jaxnet_mini; print(*(set(sys.modules) - before))",
        ).split()
    )


@pytest.mark.parametrize(
    "heavy",
    [
        "rich",
        "matplotlib",
        "keras",
        "sklearn",
        "h5py",
        "safetensors",
        "urllib.request",
        "http.client",
        "ssl",
        "pandas",
        "tensorboardX",
        "google.protobuf",
        "tensorflow",
        "torch",
        "beartype",
    ],
)
def test_an_import_brings_nothing_heavy(modules_added, heavy):
    assert heavy not in modules_added


def test_an_import_adds_few_modules(modules_added):
    """Beyond jax, optax and jaxtyping, all of whose modules are loaded anyway."""
    foreign = {name for name in modules_added if name.split(".")[0] != NAME}
    assert len(modules_added - foreign) <= len(SOURCES)
    assert len(foreign) <= 5, sorted(foreign)


def test_an_import_starts_no_backend():
    """Devices stay free for settings that come after the import."""
    code = (
        "import jaxnet_mini; from jax._src import xla_bridge;"
        "print(xla_bridge.backends_are_initialized())"
    )
    assert run("-c", code).split() == ["False"]


def test_an_import_changes_no_setting_of_jax():
    code = (
        "import jax; before = dict(jax.config.values); import jaxnet_mini;"
        "print(before == dict(jax.config.values))"
    )
    assert run("-c", code).split() == ["True"]


# Public names


def public_objects():
    """Every public class and function of the package, with its full name."""
    for name in SOURCES:
        module = importlib.import_module(f"{NAME}.{name}" if name else NAME)
        for attribute, value in vars(module).items():
            if attribute.startswith("_") or not (
                inspect.isclass(value) or inspect.isfunction(value)
            ):
                continue
            if getattr(value, "__module__", None) == module.__name__:
                yield f"{name}.{attribute}", value


PUBLIC = dict(public_objects())


def test_public_names_have_docstrings():
    assert len(PUBLIC) > 900
    for name, value in PUBLIC.items():
        assert (value.__doc__ or "").strip(), name
        # A dataclass without a docstring is given its signature for one.
        assert not value.__doc__.startswith(f"{value.__name__}("), name


def test_public_methods_have_docstrings():
    """Their own, or, where they override one, that of the base."""
    classes = {n: kind for n, kind in PUBLIC.items() if inspect.isclass(kind)}
    for name, kind in classes.items():
        for attribute, value in vars(kind).items():
            function = value.fget if isinstance(value, property) else value
            if not attribute.startswith("_") and inspect.isfunction(function):
                assert inspect.getdoc(getattr(kind, attribute)), f"{name}.{attribute}"


def test_all_lists_the_public_names():
    found = 0
    for name, path in SOURCES.items():
        if "__all__ = " in path.read_text("utf-8"):
            found += 1
            module = importlib.import_module(f"{NAME}.{name}" if name else NAME)
            assert len(set(module.__all__)) == len(module.__all__), name
            for public in module.__all__:
                assert hasattr(module, public), f"{name}.{public}"
    assert found > 20


def test_all_is_complete():
    """What the package imports for its users is listed, and nothing besides."""
    imported = {
        alias.asname or alias.name
        for node in TREES[""].body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    imported = {name for name in imported if not name.startswith("_") or "__" in name}
    assert set(jaxnet_mini.__all__) == imported
    assert jaxnet_mini.__all__ == sorted(jaxnet_mini.__all__)


KERAS_PATHS = {
    "Input": "Input",
    "Sequential": "Sequential",
    "random": "SeedGenerator normal uniform randint dropout shuffle categorical",
    "ops": "cast clip convert_to_tensor matmul mean relu shape square stack sum where",
    "Model": "Model",
    "saving": "register_keras_serializable",
    "Layer": "Layer",
    "models": "Model Sequential load_model model_from_json clone_model",
    "layers": "Dense Flatten Activation Dropout Rescaling LayerNormalization Input "
    "InputLayer "
    "BatchNormalization Normalization RMSNormalization UnitNormalization "
    "ELU GaussianDropout GaussianNoise Identity LeakyReLU PReLU ReLU Reshape Softmax "
    "ActivityRegularization AlphaDropout CategoryEncoding Embedding Lambda Permute "
    "RepeatVector",
    "optimizers": "Adadelta Adafactor Adam AdamW Adamax Ftrl Lamb Muon SGD RMSprop "
    "Adagrad Lion Nadam",
    "optimizers.schedules": "CosineDecay CosineDecayRestarts ExponentialDecay "
    "InverseTimeDecay LearningRateSchedule PiecewiseConstantDecay PolynomialDecay",
    "losses": "SparseCategoricalCrossentropy CategoricalCrossentropy "
    "BinaryCrossentropy MeanSquaredError MeanAbsoluteError Huber",
    "metrics": "sparse_categorical_accuracy categorical_accuracy binary_accuracy",
    "activations": "relu softmax sigmoid tanh gelu",
    "constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm max_norm",
    "initializers": "get Constant GlorotUniform HeNormal RandomNormal VarianceScaling",
    "callbacks": "Callback CallbackList CSVLogger EarlyStopping History "
    "LambdaCallback LearningRateScheduler ModelCheckpoint ProgbarLogger "
    "ReduceLROnPlateau TensorBoard TerminateOnNaN",
    "datasets": "boston_housing california_housing fashion_mnist imdb mnist reuters",
    "datasets.fashion_mnist": "load_data",
    "datasets.mnist": "load_data",
    "datasets.boston_housing": "load_data",
    "datasets.california_housing": "load_data",
    "datasets.imdb": "load_data get_word_index",
    "datasets.reuters": "load_data get_word_index get_label_names",
    "backend": "clear_session",
    "utils": "PyDataset Sequence clear_session model_to_dot normalize "
    "pad_sequences plot_model set_random_seed to_categorical",
}


@pytest.mark.parametrize("path", KERAS_PATHS)
def test_paths_of_keras_work_with_the_name_swapped(path):
    for name in KERAS_PATHS[path].split():
        if path == name:
            statement, expression = f"from {NAME} import {name}", f"{NAME}.{name}"
        else:
            statement = f"from {NAME}.{path} import {name}"
            expression = f"{NAME}.{path}.{name}"
        imported: dict[str, object] = {}
        exec(statement, imported)
        assert eval(expression, {NAME: jaxnet_mini}) is imported[name]


def test_paths_work_by_attribute_after_the_import_alone():
    """Nothing that a test imported before is needed."""
    expressions = [
        f"{NAME}.{name}" if path == name else f"{NAME}.{path}.{name}"
        for path, names in KERAS_PATHS.items()
        for name in names.split()
    ]
    code = f"import {NAME}; print(len([{', '.join(expressions)}]))"
    assert run("-c", code).split() == [str(len(expressions))]


def test_names_are_those_of_keras():
    """The Keras names above are really Keras's, and stand where Keras has them."""
    from conftest import keras_on_jax

    with keras_on_jax() as keras:
        for path, names in KERAS_PATHS.items():
            for name in names.split():
                room = keras
                for part in path.split(".") if path != name else []:
                    room = getattr(room, part)
                assert hasattr(room, name), f"{path}.{name}"


def test_what_is_listed_is_what_is_public():
    """``dir`` shows no room that the package is built of."""
    assert dir(jaxnet_mini) == jaxnet_mini.__all__


def test_one_class_one_object():
    assert jaxnet_mini.Sequential is jaxnet_mini.models.Sequential
    assert jaxnet_mini.Dense is jaxnet_mini.layers.Dense
    assert jaxnet_mini.Input is jaxnet_mini.layers.Input


def test_public_modules_are_modules():
    for name in ("layers", "losses", "metrics", "optimizers", "callbacks", "utils"):
        assert isinstance(getattr(jaxnet_mini, name), types.ModuleType)


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", jaxnet_mini.__version__)
    try:
        installed = importlib.metadata.version("jaxnet-mini")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("jaxnet-mini is not installed: there is no metadata to compare.")
    assert installed == jaxnet_mini.__version__


def test_typed():
    assert (PACKAGE / "py.typed").exists()

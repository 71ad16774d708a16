"""The pages of documentation: what they name exists, and what they show runs."""

import importlib
import importlib.util
import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxnet_mini
from jaxnet_mini.core.training.state import Data

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / jaxnet_mini.__name__
PAGES = sorted(DOCS.rglob("*.md"))
LESSONS = ("lessons.md", "further-lessons.md")


def hook(name):
    path = DOCS / "hooks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


include, house, lessons = hook("include"), hook("house"), hook("lessons")


def text(page):
    return (DOCS / page).read_text("utf-8")


def exists(name):
    """Tell whether a full name is that of a module or of what stands in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        try:
            for part in parts[length:]:
                found = getattr(found, part)
        except AttributeError:
            return False
        return True
    return False


def test_how_to_add_a_thing_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", text("adding.md"), re.M | re.S)
    names = {"__name__": __name__}
    # A script of a user's own is not as strict as the tests are.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        for block in blocks:
            exec(compile(block, "adding.md", "exec"), names)
    # Of each section one thing, all of them trained together.
    assert len(blocks) == 14
    assert np.isfinite(names["value"])
    assert set(names["history"].history) == {"accuracy", "loss", "spread", "surest"}
    assert names["history"].history["spread"][0] > 0.0
    assert names["model"].count_params() == 64 + 64 + 64 * 66 + 64 * 10 + 10
    assert names["codes"].shape == (len(names["x_test"]), 16)
    assert np.any(names["model"].layer_state["centre"]["mean"])


def test_files_that_pages_name_exist():
    named = {
        (page.name, path)
        for page in (DOCS / "adding.md", DOCS / "contributing.md")
        for path in re.findall(
            r"`((?:jaxnet_mini|tests|\.ci)/[\w./]*)`", page.read_text("utf-8")
        )
    }
    assert len(named) > 10
    assert not [path for path in named if not (ROOT / path[1]).exists()]


def test_rooms_that_a_fit_runs_through_exist():
    rooms = house.rooms()
    parts = {name.split(".")[0] for name in rooms}
    named = {
        name
        for name in re.findall(r"(?<!`)`([a-z_]+\.[\w.]+)`(?!`)", text("fit.md"))
        if name.split(".")[0] in parts
    }
    assert {"loops.prepare", "devices.programs", "core.training.trainer"} < named
    assert len(named) > 20
    assert not [name for name in named if not exists(f"jaxnet_mini.{name}")]


def test_full_names_in_docstrings_are_names_of_something():
    """Each becomes a link."""
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text("utf-8")
        for name in re.findall(r"(?<!`)`(jaxnet_mini\.[\w.]+)`(?!`)", source):
            assert exists(name), f"{path.name}: {name}"


def test_each_room_begins_with_one_line_about_it():
    rooms = house.rooms()
    listed = house.list_of_rooms(rooms)
    for name, room in rooms.items():
        assert room.line.endswith("."), name
        if name:
            assert f"`{room.file}`: {room.line.replace('``', '`')}\n" in listed


def test_the_picture_shows_every_part_above_what_it_imports():
    rooms = house.rooms()
    arrows = house.arrows(rooms)
    floors = house.floors(arrows)
    assert floors["base"] == 0
    assert floors["core"] == 1
    assert max(floors.values()) == floors["sklearn"]
    picture = house.picture(rooms)
    for part, imported in arrows.items():
        assert f'href="#{part}"' in picture
        assert all(floors[other] < floors[part] for other in imported)


def test_the_core_is_read_from_what_is_imported_to_who_imports():
    rooms = house.rooms()
    text = house.PIECES["core"](rooms)
    files = re.findall(r"^\d+\. `([\w/.]+)`", text, re.M)
    places = {f"core/{file}": place for place, file in enumerate(files)}
    core = [room for name, room in rooms.items() if room.file in places]
    assert len(core) == len(files) > 30
    for room in core:
        for imported in room.imports:
            file = rooms[imported].file
            assert places.get(file, -1) < places[room.file], (room.file, file)


def test_the_afternoon_is_what_a_fit_of_dense_layers_runs_through():
    chosen = house.afternoon(house.rooms())
    assert len(chosen) == len(house.AFTERNOON)
    assert sum(room.lines for room in chosen.values()) <= 3_300
    entered = set()

    def enter(frame, event, _):
        if event == "call":
            entered.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(enter)
    try:
        train_dense_layers()
    finally:
        sys.setprofile(before)
    missed = [r.file for r in chosen.values() if str(PACKAGE / r.file) not in entered]
    assert missed == []


def train_dense_layers():
    layers = [jaxnet_mini.Dense(7, "relu"), jaxnet_mini.Dense(3, "softmax")]
    trainer = jaxnet_mini.Trainer(
        jaxnet_mini.serial(*layers),
        "sparse_categorical_crossentropy",
        jaxnet_mini.optimizers.Adam(),
        metrics=["accuracy"],
    )
    x, y = np.ones((8, 5), np.float32), np.zeros(8, np.int32)
    state = trainer.init(jax.random.key(0), x.shape[1:])
    data = Data(x, y, None, np.int32(8))
    order = np.arange(8, dtype=np.int32).reshape(2, 4)
    progress = jax.jit(trainer.loop)(state, data, order, 0, 2)
    assert set(trainer.logs(progress.sums)) == {"accuracy", "loss"}


def test_pages_take_what_they_include():
    """Sections are found, and links lead on or are named by their path."""
    taken = 0
    for page in PAGES:
        name = page.relative_to(DOCS).as_posix()
        source = page.read_text("utf-8")
        page_text = include.expand(source, name)
        taken += page_text != source
        assert "{{ README" not in page_text
        for target in re.findall(r"\]\((?!https:)([^)\s:#]+)", page_text):
            assert (page.parent / target).is_file(), f"{name}: {target}"
    assert taken >= 9
    with pytest.raises(KeyError, match="'No such' among"):
        include.section("# Title\n", "No such")
    assert include.section("# T\nin\n## A\none\n```sh\n# no\n```\n## B\n", "A") == (
        "one\n```sh\n# no\n```"
    )
    linked = include.relinked(
        "[a](bench/x.md) [promises](tests/RELIABILITY.md#files)",
        "README.md",
        "reference/layers.md",
    )
    assert linked == "a (`bench/x.md`) [promises](../promises.md#files)"


def test_pages_have_all_lessons_with_what_they_print_and_draw():
    pages = [lessons.expand(text(name)) for name in LESSONS]
    titles = [re.findall(r"^## Lesson (\d+): ", page, re.M) for page in pages]
    scripts = (ROOT / "examples" / "lessons").glob("lesson_*.py")
    numbers = [number for page in titles for number in page]
    assert numbers == [str(n + 1) for n, _ in enumerate(scripts)]
    for page in pages:
        assert "{{" not in page
        assert page.count("```python\n") > 20
        assert page.count("```text\n") > 20
        assert page.count('<img alt="') > 8
    assert "Total params: 11,700" in pages[1]
    drawn = {"data": {"image/svg+xml": ["<svg>", "</svg>"]}}
    code = {"cell_type": "code", "source": ["x\n", "y"]}
    seen = [*lessons.shown({**code, "outputs": [{"text": ["1\n"]}, drawn]})]
    assert seen[:2] == ["```python\nx\ny\n```", "```text\n1\n```"]
    assert "svg+xml;base64,PHN2Zz48L3N2Zz4=" in seen[2]


def test_each_public_face_has_a_page():
    faces = {
        name
        for name in jaxnet_mini.__all__
        if getattr(getattr(jaxnet_mini, name), "__path__", None)
        or (PACKAGE / f"{name}.py").is_file()
    }
    pages = {page.stem for page in (DOCS / "reference").glob("*.md")}
    assert pages == faces | {"functions", "sklearn"}
    others = re.search(r"members: \[(.*)\]", text("reference/functions.md"))[1]
    listed = {
        name
        for name in set(others.split(", "))
        if name in jaxnet_mini.__all__ and not hasattr(jaxnet_mini.layers, name)
    }
    models = set(jaxnet_mini.models.__all__)
    layers = set(jaxnet_mini.layers.__all__)
    rest = set(jaxnet_mini.__all__) - faces - models - layers - {"__version__"}
    assert listed == rest


def test_pages_stand_in_the_navigation():
    configured = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in PAGES:
        assert f"- {page.relative_to(DOCS).as_posix()}\n" in configured

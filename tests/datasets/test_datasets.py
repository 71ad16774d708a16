"""The data sets: digits in the package, the IDX reader, the search for files."""

import ast
import gzip
import hashlib
import importlib.util
import shutil
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxnet_mini.datasets import (
    boston_housing,
    california_housing,
    digits,
    fashion_mnist,
    files,
    idx,
    imdb,
    mnist,
    reuters,
)
from jaxnet_mini.datasets.catalogue import DataFile, DataSet, idx_array
from jaxnet_mini.errors import DataError, DownloadError

PACKAGE = Path(digits.__file__).parent
SHAPE = (5, 3, 2)
VALUES = np.arange(30, dtype=np.uint8).reshape(SHAPE)
IDX = struct.pack(">4I", 0x803, *SHAPE) + VALUES.tobytes()
GZIPPED = gzip.compress(IDX, mtime=0)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# Digits


def pairs(images, labels):
    return sorted(
        (image.tobytes(), int(label))
        for image, label in zip(images, labels, strict=True)
    )


def test_digits_are_those_of_scikit_learn():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    theirs = load_digits()
    assert pairs(
        np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    ) == pairs(theirs.images.astype(np.uint8), theirs.target)


def test_digits_shapes_types_and_classes():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, x_test.shape) == ((1500, 8, 8), (297, 8, 8))
    assert (y_train.shape, y_test.shape) == ((1500,), (297,))
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
    assert (x_train.min(), x_train.max()) == (0, 16)
    assert set(y_train) == set(y_test) == set(range(10))
    assert np.bincount(y_test).min() >= 20


def test_digits_are_new_arrays_at_every_call():
    (first, _), _ = digits.load_data()
    expected = first.copy()
    first[:] = 99
    (second, _), _ = digits.load_data()
    np.testing.assert_array_equal(second, expected)


def test_digits_are_small_and_carry_their_licence():
    assert (PACKAGE / "digits.npz").stat().st_size < 80_000
    licence = (PACKAGE / "digits.LICENSE").read_text()
    assert "10.24432/C50P49" in licence
    assert "CC BY 4.0" in licence


def test_importing_the_data_sets_imports_nothing_slow():
    allowed = {"collections", "dataclasses", "io", "jaxnet_mini", "math", "numpy", "os"}
    # NumPy imports `pickle` itself.
    allowed |= {"itertools", "pathlib", "pickle", "struct", "typing", "zlib"}
    # download.py is itself imported only when something is downloaded.
    for file in set(PACKAGE.glob("*.py")) - {PACKAGE / "download.py"}:
        for statement in ast.parse(file.read_text()).body:
            names = []
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            if isinstance(statement, ast.ImportFrom):
                names = [statement.module]
            for name in names:
                assert name.partition(".")[0] in allowed, (file.name, name)
                assert not name.endswith("download"), file.name


# The IDX reader


@pytest.mark.parametrize("content", [IDX, GZIPPED], ids=["plain", "gzipped"])
def test_idx_is_read(content):
    values = idx.decode(content, SHAPE, "images")
    np.testing.assert_array_equal(values, VALUES)
    assert values.dtype == np.uint8
    values[:] = 0


def test_idx_reads_more_than_one_block():
    values = np.random.default_rng(0).integers(256, size=3 << 20, dtype=np.uint8)
    content = struct.pack(">2I", 0x801, values.size) + values.tobytes()
    np.testing.assert_array_equal(
        idx.decode(gzip.compress(content, 1), values.shape, "labels"), values
    )


def bad(content, says, gzipped_too=True):
    yield content, says
    if gzipped_too:
        yield gzip.compress(content), says


BAD_IDX = [
    *bad(struct.pack(">4I", 0x801, *SHAPE) + IDX[16:], "magic number 0x00000803"),
    *bad(struct.pack("<4I", 0x803, *SHAPE) + IDX[16:], "came 0x03080000"),
    *bad(b"", "expected an IDX header of 16 bytes, came 0", gzipped_too=False),
    *bad(IDX[:11], "expected an IDX header of 16 bytes, came 11"),
    *bad(IDX[:-1], "expected 30 bytes after the header, came 29"),
    *bad(IDX[:16], "expected 30 bytes after the header, came 0"),
    *bad(IDX + b"\0", "expected 30 bytes after the header, came more"),
    *bad(
        struct.pack(">4I", 0x803, 6, 3, 2) + IDX[16:],
        r"expected the shape \(5, 3, 2\), came \(6, 3, 2\)",
    ),
    *bad(
        struct.pack(">4I", 0x803, *[0xFFFFFFFF] * 3), r"expected the shape \(5, 3, 2\)"
    ),
    (GZIPPED[:-9], "expected a whole gzip stream"),
    (GZIPPED[:-4], "expected a whole gzip stream"),
    (GZIPPED[:5], "expected a whole gzip stream"),
    (GZIPPED + b"rubbish", "expected a whole gzip stream"),
    (GZIPPED + GZIPPED, "expected 30 bytes after the header, came more"),
    # One bit of the checksum, of the length, of the compressed bytes.
    (GZIPPED[:-8] + bytes([GZIPPED[-8] ^ 1]) + GZIPPED[-7:], "CRC check failed"),
    (GZIPPED[:-1] + bytes([GZIPPED[-1] ^ 1]), "Incorrect length"),
    (GZIPPED[:14] + b"\xff\xff" + GZIPPED[16:], "expected a whole gzip stream"),
]


@pytest.mark.parametrize(
    ("content", "says"), BAD_IDX, ids=[says for _, says in BAD_IDX]
)
def test_idx_that_is_wrong(content, says):
    with pytest.raises(DataError, match=f"^pictures: .*{says}"):
        idx.decode(content, SHAPE, "pictures")


def test_gzip_bomb_is_not_unpacked():
    bomb = gzip.compress(struct.pack(">2I", 0x801, 10) + bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="expected 10 bytes after the header"):
            idx.decode(bomb, (10,), "labels")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20


# The search


ARRAY = idx_array(
    "pictures",
    SHAPE,
    size=len(GZIPPED),
    sha256=sha256(GZIPPED),
    unpacked=sha256(IDX),
)
OTHER = bytes([*GZIPPED[:-1], GZIPPED[-1] ^ 1])
"""Of the right length, with one wrong bit."""


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Every place that is searched, inside the test's own folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("JAXNET_MINI_DATA", str(tmp_path / "named"))
    return {
        "path": tmp_path / "path",
        "variable": tmp_path / "named",
        "cache": tmp_path / "home/.cache/jaxnet_mini",
        "keras": tmp_path / "home/.keras/datasets",
        "system": tmp_path / "usr/share/dataset-tiny",
    }


@pytest.fixture
def tiny(places):
    return DataSet(
        title="Tiny",
        folders=("tiny-set", "tiny_set"),
        mirrors=(),
        parts=(ARRAY,),
        installed=(str(places["system"]),),
    )


def put(folder, content=GZIPPED, name="pictures.gz"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


@pytest.mark.parametrize("place", ["variable", "cache", "keras", "system"])
@pytest.mark.parametrize("folder", [".", "tiny-set", "tiny_set"])
@pytest.mark.parametrize(
    ("name", "content"), [("pictures.gz", GZIPPED), ("pictures", IDX)]
)
def test_file_is_found(tiny, places, place, folder, name, content):
    put(places[place] / folder, content, name)
    (values,) = files.load(tiny)
    np.testing.assert_array_equal(values, VALUES)


@pytest.mark.parametrize("folder", [".", "tiny-set", "tiny_set"])
@pytest.mark.parametrize("kind", [str, Path])
def test_file_is_found_in_path(tiny, places, folder, kind):
    put(places["path"] / folder)
    (values,) = files.load(tiny, kind(places["path"]))
    np.testing.assert_array_equal(values, VALUES)


def test_tilde_is_the_home_folder(tiny, places, monkeypatch):
    put(Path("~/mine").expanduser())
    assert files.load(tiny, "~/mine")
    monkeypatch.setenv("JAXNET_MINI_DATA", "~/mine")
    assert files.load(tiny)


def test_caches_follow_their_variables(tiny, tmp_path, monkeypatch, places):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "other-keras"))
    put(tmp_path / "other-keras/datasets/tiny-set")
    assert files.load(tiny)
    shutil.rmtree(tmp_path / "other-keras")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other-cache"))
    put(tmp_path / "other-cache/jaxnet_mini/tiny-set")
    assert files.load(tiny)


def test_places_are_searched_in_this_order(tiny, places):
    with pytest.raises(DownloadError) as caught:
        files.load(tiny)
    lines = str(caught.value).splitlines()
    looked = lines[lines.index("Looked in:") + 1 : lines.index("Tried to download:")]
    assert looked == [
        f"  {places['variable']} ($JAXNET_MINI_DATA): no pictures.gz",
        f"  {places['cache']} (the library's cache): no pictures.gz",
        f"  {places['keras']} (Keras's cache): no pictures.gz",
        f"  {places['system']} (the system's package): no pictures.gz",
    ]


def test_path_without_the_files_is_an_error_and_nothing_else_is_searched(tiny, places):
    put(places["variable"])
    put(places["cache"])
    labels = replace(ARRAY, files=(DataFile("labels.gz", 1, "0"),))
    both = replace(tiny, parts=(ARRAY, labels))
    for made in (False, True):
        if made:
            places["path"].mkdir()
        with pytest.raises(DownloadError) as caught:
            files.load(both, places["path"])
        is_folder = "has no" if made else "is no folder and has no"
        assert str(caught.value) == (
            "path: expected a folder with the files of Tiny, but "
            f"{places['path']} {is_folder} pictures.gz, labels.gz. Put them there, or "
            "leave path out: then the usual folders are searched, and what is missing "
            "is downloaded."
        )
    # The advice, followed.
    put(places["path"])
    assert files.load(tiny, places["path"])
    assert files.load(tiny)


def test_path_that_names_a_file(tiny, places):
    put(places["path"])
    assert files.load(tiny, places["path"] / "pictures.gz")
    with pytest.raises(DownloadError, match=r"other\.gz is no folder"):
        files.load(tiny, places["path"] / "other.gz")


def test_bare_name_of_a_file_is_one_in_the_caches(tiny, places, monkeypatch):
    """As in Keras, whose users write ``mnist.load_data(path="mnist.npz")``."""
    places["path"].mkdir()
    monkeypatch.chdir(places["path"])
    put(places["path"], OTHER)
    with pytest.raises(DownloadError, match="found nowhere"):
        files.load(tiny, "pictures.gz")
    put(places["keras"])
    assert files.load(tiny, "pictures.gz")
    with pytest.raises(DataError, match="is not the published file"):
        files.load(tiny, places["path"] / "pictures.gz")


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (OTHER, "pictures.gz", f"SHA-256 {sha256(GZIPPED)}, came {sha256(OTHER)}"),
        (GZIPPED[:-1], "pictures.gz", f"{len(GZIPPED)} bytes, came {len(GZIPPED) - 1}"),
        (b"0" * 9999, "pictures.gz", f"{len(GZIPPED)} bytes, came 9,999"),
        (b"", "pictures.gz", "bytes, came 0"),
        (IDX[:-1] + b"0", "pictures", f"expected SHA-256 {sha256(IDX)}, came"),
    ],
    ids=["bit", "short", "long", "empty", "unpacked"],
)
@pytest.mark.parametrize("place", ["path", "variable"])
def test_wrong_file_where_the_user_named_is_an_error(
    tiny, places, place, content, name, says
):
    put(places[place], content, name)
    put(places["cache"])
    with pytest.raises(DataError) as caught:
        files.load(tiny, places["path"] if place == "path" else None)
    message = str(caught.value)
    assert message.startswith(f"Tiny: {places[place] / name} is not the published file")
    assert says in message
    # The advice, followed: the data set gets a folder of its own.
    assert f"{places[place] / 'tiny-set'} for this one." in message
    put(places[place] / "tiny-set")
    assert files.load(tiny, places["path"] if place == "path" else None)


@pytest.mark.parametrize("place", ["cache", "keras", "system"])
@pytest.mark.parametrize("content", [OTHER, GZIPPED[:-1], b"0" * 9999, b""])
def test_wrong_file_elsewhere_is_passed_over(tiny, places, place, content):
    put(places[place], content)
    with pytest.raises(DownloadError, match=r"pictures\.gz is not the published file"):
        files.load(tiny)
    put(places[place], IDX, "pictures")
    (values,) = files.load(tiny)
    np.testing.assert_array_equal(values, VALUES)


def test_file_that_cannot_be_read(tiny, places):
    (places["keras"] / "pictures.gz").mkdir(parents=True)
    with pytest.raises(DownloadError, match=r"pictures\.gz cannot be read: Is a dir"):
        files.load(tiny)


def test_keras_archive_of_mnist(tiny, places):
    put(places["keras"], b"", "mnist.npz")
    archive = places["keras"] / "mnist.npz"
    np.savez(archive, x_train=VALUES, y_train=VALUES[:, 0, 0])
    content = archive.read_bytes()
    known = DataFile("mnist.npz", len(content), sha256(content))
    data_set = replace(
        tiny,
        parts=tuple(
            replace(ARRAY, shape=shape, files=(*ARRAY.files, replace(known, key=key)))
            for key, shape in (("x_train", SHAPE), ("y_train", SHAPE[:1]))
        ),
    )
    images, labels = files.load(data_set)
    np.testing.assert_array_equal(images, VALUES)
    np.testing.assert_array_equal(labels, VALUES[:, 0, 0])
    archive.write_bytes(content[:-1] + b"1")
    with pytest.raises(DownloadError, match=r"mnist\.npz is not the published file"):
        files.load(data_set)


def test_keras_keeps_its_files_where_they_are_looked_for():
    sources = Path(importlib.util.find_spec("keras").origin).parent / "src/datasets"
    assert mnist.KERAS_ARCHIVE.digest in (sources / "mnist.py").read_text()
    fashion = (sources / "fashion_mnist.py").read_text()
    assert f'"datasets", "{fashion_mnist.DATA_SET.folders[0]}"' in fashion
    assert fashion_mnist.DATA_SET.mirrors[0] in fashion
    for room in (boston_housing, california_housing, imdb, reuters):
        source = (sources / f"{room.__name__.rpartition('.')[2]}.py").read_text()
        for data_set in (room.DATA_SET, getattr(room, "WORD_INDEX", room.DATA_SET)):
            (file,) = data_set.parts[0].files
            assert f'path="{file.name}"' in source
            assert f'"{file.digest}"' in source
            assert {32: "MD5", 64: "SHA-256"}[len(file.digest)] == file.algorithm
            (mirror,) = data_set.mirrors
            assert f'"{mirror}"' in source


@pytest.mark.parametrize("data_set", [fashion_mnist.DATA_SET, mnist.DATA_SET])
def test_catalogues_are_well_formed(data_set):
    names = [array.published.name for array in data_set.parts]
    assert names == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]
    known = [file for array in data_set.parts for file in array.files]
    for file in known:
        assert len(bytes.fromhex(file.digest)) == 32
    assert len({file.digest for file in known if file.key is None}) == 8
    assert all(mirror.endswith("/") for mirror in data_set.mirrors)
    assert data_set.mirrors[0].startswith("https://")


# Fashion-MNIST itself


@pytest.fixture(scope="module")
def fashion(fashion_mnist_folder):
    return fashion_mnist_folder, fashion_mnist.load_data(fashion_mnist_folder)


def test_fashion_mnist_is_what_it_should_be(fashion):
    _, ((x_train, y_train), (x_test, y_test)) = fashion
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
        assert array.flags.writeable
    assert fashion_mnist.CLASS_NAMES[y_train[0]] == "Ankle boot"
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert len(fashion_mnist.CLASS_NAMES) == 10


def test_fashion_mnist_is_read_as_plain_gzip_reads_it(fashion):
    folder, ((x_train, _), _) = fashion
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as stream:
        assert stream.read()[16:] == x_train.tobytes()


@pytest.mark.parametrize(
    ("name", "md5"),
    [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ],
)
def test_sums_are_those_of_the_files_the_authors_published(fashion, name, md5):
    """The authors publish MD5: the file with that MD5 has the SHA-256 in use here."""
    content = (fashion[0] / name).read_bytes()
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
    (array,) = (a for a in fashion_mnist.DATA_SET.parts if a.published.name == name)
    packed, unpacked = array.files
    assert (packed.size, packed.digest) == (len(content), sha256(content))
    content = gzip.decompress(content)
    assert (unpacked.size, unpacked.digest) == (len(content), sha256(content))


def test_fashion_mnist_is_not_taken_for_mnist(fashion):
    """The file names are the same."""
    folder, _ = fashion
    with pytest.raises(DataError, match=r"^MNIST: .* is not the published file"):
        mnist.load_data(folder)

"""Compiled networks that are kept: the same answer, damaged files, and the limit of the folder."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from landslip.detector.detector import Detector
from landslip.inference import compiled_cache
from landslip.inference.engine import Engine, InferenceOptions, available_engines, open_engine
from landslip.inference.remembered_choice import FOLDER_VARIABLE
from tiny_detectors import brightness, identity

pytestmark = pytest.mark.skipif("openvino" not in available_engines(), reason="OpenVINO is not installed")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path / compiled_cache.FOLDER


def opened(detector: Detector, precision: str = "float32", size: int = 32) -> Engine:
    options = InferenceOptions("openvino", precision, threads=1)  # type: ignore[arg-type] # parameters of a test
    return open_engine(detector, options, height=size, width=size)


def files(folder: Path) -> set[Path]:
    return set(folder.iterdir()) if folder.exists() else set()


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_a_kept_network_gives_the_same_bytes(folder: Path, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = Detector.open("s2-rgb")
    size = detector.card.tile_px
    stack = np.random.default_rng(0).uniform(300, 2000, (2, 3, size, size)).astype(np.float32)
    first = opened(detector, precision, size)(stack)
    assert len(files(folder)) == 2

    def compiles(*_: object) -> None:
        raise AssertionError("it was compiled again")

    monkeypatch.setattr("landslip.inference.openvino._cut", compiles)
    np.testing.assert_array_equal(opened(detector, precision, size)(stack), first)


def test_a_damaged_file_is_made_again(folder: Path) -> None:
    stack = np.full((1, 3, 32, 32), 900, np.float32)
    first = opened(brightness())(stack)
    before = files(folder)
    for path in before:
        path.write_bytes(path.read_bytes()[:-1])
    np.testing.assert_array_equal(opened(brightness())(stack), first)
    assert files(folder) == before
    contents = [path.read_bytes() for path in before]
    assert all(hashlib.sha256(content[32:]).digest() == content[:32] for content in contents)


def test_other_sizes_and_detectors_are_other_files(folder: Path) -> None:
    opened(brightness())
    opened(brightness(), size=16)  # a scene smaller than a tile: not kept
    assert len(files(folder)) == 2
    opened(brightness(title="another"))
    assert len(files(folder)) == 4
    opened(identity())  # it has no convolution, and is not cut
    assert len(files(folder)) == 5


def test_the_folder_is_limited_and_may_be_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(brightness())
    for number, path in enumerate(sorted(files(folder))):
        os.utime(path, (number, number))
    monkeypatch.setattr(compiled_cache, "_KEPT_BYTES", 1)
    opened(brightness(title="another"))
    assert not files(folder)
    folder.rmdir()
    folder.write_text("in the way")
    stack = np.full((1, 3, 32, 32), 900, np.float32)
    assert opened(brightness())(stack).shape == (1, 32, 32)

"""The check finds every kind of fault, and none in a correct set."""

import json
import os
import re
import tempfile
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from l4s_faults import FAULTS, IMAGE, MASK, mask_of_255
from l4s_made import make_l4s, truth, whole, write_h5, write_image
from landslip.cli import landslip
from landslip.datasets.check import check_l4s
from landslip.datasets.formats import open_patches
from landslip.datasets.hdf5 import Hdf5Error, read_dataset
from landslip.datasets.inspection import MEANINGS, REFUSED
from landslip.datasets.l4s_values import DIVISORS, L4S_CHANNELS
from landslip.datasets.l4s_values import IMAGE as IMAGE_WANTED
from landslip.errors import PatchesError
from rgb_faults import RGB_FAULTS


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return make_l4s(tmp_path / "set", {"train": [1, 2, 3], "validation": [1, 2]}, masks={"train": [1, 2, 3]})


@pytest.mark.parametrize(
    ("fault", "kinds", "file"),
    FAULTS,
    ids=[f"{number}-{'+'.join(sorted(kinds))}" for number, (_, kinds, _) in enumerate(FAULTS)],
)
def test_every_fault_is_found(clean: Path, fault: Callable[[Path], None], kinds: set[str], file: str) -> None:
    fault(clean)
    tracemalloc.start()
    report = check_l4s(clean)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {finding.kind for finding in report.findings} == kinds
    assert file in {finding.file for finding in report.findings}
    assert report.exit_code == 1
    # Whatever the file declares: a few images' worth.
    assert peak_bytes < 40e6
    refused = {(finding.split, finding.id) for finding in report.findings if finding.kind in REFUSED}
    assert bool(refused) == bool(kinds & REFUSED)
    assert report.usable == sum(split.images for split in report.splits.values()) - len(refused)


def test_every_kind_of_finding_is_tested() -> None:
    assert {kind for _, kinds, _ in (*FAULTS, *RGB_FAULTS) for kind in kinds} == set(MEANINGS)


def test_the_documented_findings_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8").replace("`", "")
    documented = re.findall(r"^\| ([^|]+) \| ([^|]+) \| (yes )?\|$", text, re.MULTILINE)
    expected = [(kind, meaning, "yes " if kind in REFUSED else "") for kind, meaning in MEANINGS.items()]
    assert [row for row in documented if row[0] != "finding"] == expected


def test_a_clean_set_has_no_findings_and_correct_statistics(clean: Path) -> None:
    report = check_l4s(clean)
    assert (report.findings, report.exit_code) == ((), 0)
    train = report.splits["train"]
    assert (train.images, train.usable, train.labelled) == (3, 3, 3)
    assert report.splits["validation"].landslide_fraction is None
    masks = np.stack([truth(number) for number in (1, 2, 3)])
    assert (train.landslide_px, train.landslide_fraction) == (masks.sum(), pytest.approx(masks.mean()))
    numbers = np.stack([whole(number) for number in (1, 2, 3)])
    for index, name in enumerate(L4S_CHANNELS):
        one = train.channels[name]
        assert (one.minimum, one.maximum) == (numbers[..., index].min(), numbers[..., index].max())
        np.testing.assert_allclose((one.mean, one.std), (numbers[..., index].mean(), numbers[..., index].std()))


@pytest.mark.parametrize(
    "settings",
    [
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "chunks": (60, 50, 5)},
        {"shuffle": True, "chunks": (128, 128, 1)},
        {"chunks": (32, 128, 14)},
        {"chunks": (200, 200, 14), "maxshape": (None, None, None)},
    ],
)
def test_compressed_files_are_read_as_by_the_hdf5_library(clean: Path, settings: dict[str, object]) -> None:
    write_image(clean / IMAGE, whole(2), **settings)
    assert check_l4s(clean).findings == ()
    big_endian = (whole(2) / DIVISORS).astype(">f8")
    write_h5(clean / IMAGE, "img", big_endian, **settings)
    assert check_l4s(clean).findings == ()


@given(
    st.lists(st.tuples(st.integers(8, 2047), st.integers(0, 255)), min_size=1, max_size=16), st.none() | st.floats(0, 1)
)
def test_damaged_bytes_raise_no_other_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: float | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.h5"
    content = bytearray(_file_content())
    for place, value in changes:
        content[place] = value
    path.write_bytes(content if cut is None else content[: int(cut * len(content))])
    try:
        assert read_dataset(path, IMAGE_WANTED).shape == (128, 128, 14)
    except Hdf5Error as error:
        assert str(error).startswith(str(path))


@cache
def _file_content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_image(Path(folder) / "image_1.h5", whole(1)).read_bytes()


def test_real_files_have_no_faults(shared_data: Path) -> None:
    report = check_l4s(shared_data / "l4s-h5")
    assert report.usable == len(list((shared_data / "l4s-h5").glob("*Data/img/*.h5"))) > 0
    # The set is a selection: numbers are missing, and a mask may be. Nothing else is found.
    images, masks = (
        {int(path.stem.split("_")[1]) for path in (shared_data / "l4s-h5" / "TrainData" / kind).glob("*.h5")}
        for kind in ("img", "mask")
    )
    unmasked = {finding.id for finding in report.findings if finding.kind == "no mask"}
    assert unmasked == images - masks
    assert {finding.kind for finding in report.findings} <= {"missing numbers", "no mask"}


def test_a_folder_without_usable_patches_has_exit_code_2(tmp_path: Path) -> None:
    folder = make_l4s(tmp_path, {"train": [1]})
    (folder / "TrainData/img/image_1.h5").write_bytes(b"nothing")
    assert check_l4s(folder).exit_code == 2


def test_the_command_prints_findings_and_sets_the_exit_code(clean: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(landslip, ["data", "check", *arguments])
        return result.exit_code, result.stdout

    code, text = run(str(clean))
    assert code == 0
    assert "no findings" in text
    mask_of_255(clean)
    code, text = run(str(clean))
    assert code == 1
    assert f"{MASK} has 255" in text
    code, text = run(str(clean), "--json")
    assert code == 1
    assert json.loads(text)["findings"][0]["kind"] == "mask values"


def test_files_of_operating_systems_are_no_findings(clean: Path) -> None:
    for name in ("._image_1.h5", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (clean / "TrainData/img" / name).write_bytes(b"not HDF5")
        (clean / "TrainData/mask" / name).write_bytes(b"not HDF5")
    assert check_l4s(clean).findings == ()
    assert len(open_patches(clean)) == 5


def test_a_very_large_number_does_not_take_memory(clean: Path) -> None:
    write_image(clean / "TrainData/img/image_999999999.h5", whole(5))
    lacking = next(finding for finding in check_l4s(clean).findings if finding.kind == "missing numbers")
    assert lacking.text == "lacks 999,999,995 images: 4-999999998"


def test_unprintable_names_are_escaped(clean: Path) -> None:
    for name in (b"\xff.h5", b"a\x1b[31m\n.h5"):
        Path(os.fsdecode(os.fsencode(clean / "TrainData/img") + b"/" + name)).touch()
    report = check_l4s(clean)
    files = {finding.file for finding in report.findings}
    assert files == {"TrainData/img/\\xff.h5", "TrainData/img/a\\x1b[31m\\n.h5"}
    assert "\x1b" not in "".join(report.lines())
    json.loads(report.model_dump_json())


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match="not a folder of Landslide4Sense"):
        check_l4s(tmp_path)

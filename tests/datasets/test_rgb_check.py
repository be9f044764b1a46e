"""The check of RGB patches finds every kind of fault, and agrees with the reader about what can be opened."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import run
from landslip.datasets.formats import check_patches, open_patches
from landslip.datasets.inspection import REFUSED
from landslip.errors import PatchesError
from rgb_faults import RGB_FAULTS

UNOPENED = {"stray file", "same number", "no mask", "mask without image"}
"""Findings that keep the whole set from being opened."""


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for part in ("img", "mask"):
        (tmp_path / "set" / part).mkdir(parents=True)
    for number in (1, 2, 3):
        image = random.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / f"set/img/image_{number}.png")
        Image.fromarray((image[..., 0] > 128).astype(np.uint8)).save(tmp_path / f"set/mask/mask_{number}.png")
    return tmp_path / "set"


@pytest.mark.parametrize(("fault", "kinds", "file"), RGB_FAULTS, ids=[str(n) for n in range(len(RGB_FAULTS))])
def test_every_fault_is_found(clean: Path, fault: Callable[[Path], None], kinds: set[str], file: str) -> None:
    fault(clean)
    report = check_patches(clean)
    assert {finding.kind for finding in report.findings} == kinds
    assert file in {finding.file for finding in report.findings}
    assert report.exit_code == 1
    if kinds & UNOPENED:
        with pytest.raises(PatchesError):
            open_patches(clean)
        return
    patches = open_patches(clean)
    readable = 0
    for entry in patches.entries:
        try:
            patches.read(entry)
        except PatchesError:
            continue
        readable += 1
    assert report.usable == readable
    assert (readable < len(patches)) == bool(kinds & REFUSED)


def test_a_clean_set_has_no_findings_and_correct_statistics(clean: Path) -> None:
    (clean / "img/._image_1.png").write_bytes(b"resource fork")
    (clean / "mask/Thumbs.db").write_bytes(b"thumbnails")
    report = check_patches(clean)
    assert (report.findings, report.exit_code, report.usable) == ((), 0, 3)
    patches = list(open_patches(clean))
    values = np.stack([patch.values for patch in patches]).astype(np.float64)
    masks = np.stack([patch.mask for patch in patches])
    (split,) = report.splits.values()
    assert (split.landslide_px, split.landslide_fraction) == (masks.sum(), pytest.approx(masks.mean()))
    for index, one in enumerate(split.channels.values()):
        assert (one.minimum, one.maximum) == (values[:, index].min(), values[:, index].max())
        np.testing.assert_allclose((one.mean, one.std), (values[:, index].mean(), values[:, index].std()))


def test_the_command_checks_rgb_patches(clean: Path, examples: Path) -> None:
    ran = run("data", "check", examples / "l4s-rgb-scene-b", "--quiet")
    assert ran.code == 0, ran.err
    assert "no findings" in ran.out
    (clean / "mask/mask_2.png").unlink()
    ran = run("data", "check", clean, "--json", "--quiet")
    assert ran.code == 1
    assert json.loads(ran.out)["findings"][0]["file"] == "img/image_2.png"


def test_a_damaged_manifest_and_a_store_are_errors(clean: Path, tmp_path: Path) -> None:
    (clean / "manifest.csv").write_text("id,scene,row,col\n1,A,0,0\n")
    with pytest.raises(PatchesError, match=r"does not list patch 2, 3"):
        check_patches(clean)
    (tmp_path / "store.json").write_text("{}")
    with pytest.raises(PatchesError, match="is a store"):
        check_patches(tmp_path)
    with pytest.raises(PatchesError, match="does not exist"):
        check_patches(tmp_path / "nothing")

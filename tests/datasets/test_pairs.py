"""Sets of pairs: what is read is what was written, and incomplete sets are refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import landslip
from landslip.datasets.rgb import dn_to_png, png_to_dn
from landslip.errors import PatchesError
from landslip.synthetic.pair_set import PairSetSettings, make_pair_set

EXAMPLE = Path("examples/l4s-rgb-scene-b")
STILL = PairSetSettings(old_fraction=0, season=0, sun=0, light=0, haze=0, snow=0, misregistration_px=0)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "set"
    assert make_pair_set(folder, landslip.open_patches(EXAMPLE), STILL) == 56
    return folder


def test_pairs_have_both_dates_and_the_positions_of_their_patches(pairs: Path) -> None:
    made, patches = landslip.open_patches(pairs), landslip.open_patches(EXAMPLE)
    assert made.channels == ("B04", "B03", "B02", "B04_before", "B03_before", "B02_before")
    for pair, patch in zip(list(made)[:5], list(patches)[:5], strict=True):
        assert (pair.scene, pair.row, pair.col) == (patch.scene, patch.row, patch.col)
        # The image after is that of the patch, up to its brightness and rounding.
        after = pair.values[:3] * (patch.values.max() / pair.values[:3].max())
        assert np.abs(after - patch.values).max() <= 1.01 * patch.values.max() / 255 * 2
        np.testing.assert_array_equal(pair.mask, patch.mask)
    assert pickle.loads(pickle.dumps(made)).entries == made.entries


@pytest.mark.parametrize("missing", ["before/before_3035.png", "img/image_3035.png"])
def test_an_incomplete_pair_is_refused(pairs: Path, tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "pairs"
    for name in ("img", "before", "mask"):
        (folder / name).mkdir(parents=True)
        for file in (pairs / name).glob("*_30*.png"):
            (folder / name / file.name).write_bytes(file.read_bytes())
    first = sorted((folder / missing.split("/")[0]).iterdir())[0]
    first.unlink()
    with pytest.raises(PatchesError, match=r"incomplete|has no image"):
        landslip.open_patches(folder)


def test_pictures_and_dn_are_converted_without_loss() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    picture[0, 0] = 255
    np.testing.assert_array_equal(dn_to_png(png_to_dn(picture)), picture)
    np.testing.assert_array_equal(dn_to_png(0.37 * png_to_dn(picture)), picture)
    assert Image.fromarray(picture).size == (7, 9)

"""A truncated TIFF is detected before it is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.errors import SceneError
from landslip.scenes.rasters import open_scene
from landslip.scenes.tiff_length import bytes_needed
from rasters import write_raster

VALUES = np.random.default_rng(0).integers(1, 9000, (2, 70, 50)).astype(np.uint16)
LAYOUTS = {
    "strips": {},
    "tiles, deflate": {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"},
    "bands apart": {"interleave": "band", "compress": "lzw"},
    "big": {"bigtiff": "yes", "tiled": True, "blockxsize": 32, "blockysize": 32},
    "big-endian": {"endianness": "big"},
    "big-endian, big": {"endianness": "big", "bigtiff": "yes"},
    "masked": {"mask": np.eye(70, 50, dtype=bool)},
    "sparse": {"sparse_ok": True, "tiled": True, "blockxsize": 16, "blockysize": 16, "nodata": 0},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiffs")
    values = {"sparse": VALUES * (np.mgrid[:70, :50][0] < 20)}
    return {
        name: write_raster(folder / f"{index}.tif", values.get(name, VALUES), descriptions=["B04", "B03"], **layout)
        for index, (name, layout) in enumerate(LAYOUTS.items())
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_whole_file_is_long_enough(files, layout):
    assert bytes_needed(files[layout]) <= files[layout].stat().st_size
    open_scene(files[layout])


@given(data=st.data())
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_truncated_file_is_refused(files, layout, data):
    whole = files[layout].read_bytes()
    cut = files[layout].with_name("cut.tif")
    cut.write_bytes(whole[: data.draw(st.integers(4, bytes_needed(files[layout]) - 1))])
    with pytest.raises(SceneError, match=r"cut\.tif is truncated: it has [\d,]+ bytes"):
        open_scene(cut)


@given(st.binary(max_size=300))
@pytest.mark.parametrize("magic", [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0", b""])
def test_whatever_the_bytes_there_is_an_answer(tmp_path_factory, magic, rest):
    path = tmp_path_factory.getbasetemp() / "any.tif"
    path.write_bytes(magic + rest)
    needed = bytes_needed(path)
    assert needed is None or needed >= 8
    with pytest.raises(SceneError):
        open_scene(path)


def test_another_kind_of_file_needs_no_length(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n")
    assert bytes_needed(path) is None

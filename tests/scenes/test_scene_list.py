"""Which scenes paths name: the rule for every kind of path, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from landslip.errors import SceneError
from landslip.scenes.scene_list import list_scenes, name_scenes
from rasters import write_raster


def folder(path: Path, *bands: str) -> Path:
    """Make a folder of rasters."""
    path.mkdir(parents=True)
    for band in bands or ("B04",):
        write_raster(path / f"{band}.tif", np.ones((8, 8), np.uint16))
    return path


def product(path: Path) -> Path:
    """Make what looks like a product; nothing in it is opened."""
    (path / "GRANULE").mkdir(parents=True)
    return path


def names(*paths: Path, each: bool = False) -> list[str]:
    listed = list_scenes(paths, each=each)
    assert listed.many
    return [scene.name for scene in listed.scenes]


def test_rasters_folders_and_products_alone_are_one_scene(tmp_path: Path) -> None:
    one, dem = folder(tmp_path / "one", "B04", "B03"), tmp_path / "dem.tif"
    safe = product(tmp_path / "S2A_MSIL1C_20200101.SAFE")
    bands = [one / "B04.tif", one / "B03.tif"]
    for paths in ([one], [one / "B04.tif"], bands, [one, dem], [safe], [safe, dem], [*bands, dem]):
        listed = list_scenes(paths)
        assert not listed.many
        assert [scene.paths for scene in listed.scenes] == [tuple(paths)]
        assert listed.decision.startswith("one scene")


def test_several_folders_and_products_are_a_scene_each(tmp_path: Path) -> None:
    assert names(folder(tmp_path / "a"), folder(tmp_path / "b")) == ["a", "b"]
    safe, zipped = product(tmp_path / "S2A_X.SAFE"), tmp_path / "S2B_Y.SAFE.zip"
    zipped.write_bytes(b"not opened")
    assert names(safe, zipped) == ["S2A_X", "S2B_Y"]
    assert names(safe, tmp_path / "a") == ["S2A_X", "a"]


def test_a_folder_of_scenes_is_many_and_tells_what_it_leaves_out(tmp_path: Path) -> None:
    folder(tmp_path / "all" / "b")
    product(tmp_path / "all" / "a.SAFE")
    (tmp_path / "all" / "c.zip").write_bytes(b"not opened")
    (tmp_path / "all" / "notes").mkdir()
    (tmp_path / "all" / ".hidden").mkdir()
    assert names(tmp_path / "all") == ["a", "b", "c"]
    assert list_scenes([tmp_path / "all"]).decision.endswith("nor a product: notes")


def test_rasters_beside_subfolders_are_one_scene(tmp_path: Path) -> None:
    folder(tmp_path / "one")
    folder(tmp_path / "one" / "sub")
    assert not list_scenes([tmp_path / "one"]).many


def test_every_path_is_a_scene_on_request(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", "x", "y")
    assert names(one / "x.tif", one / "y.tif", each=True) == ["x", "y"]
    assert names(one, each=True) == ["one"]


def test_loose_rasters_beside_several_scenes_are_refused(tmp_path: Path) -> None:
    paths = [folder(tmp_path / "a"), folder(tmp_path / "b"), tmp_path / "dem.tif"]
    with pytest.raises(SceneError, match=r"not clear which scene .*dem\.tif belongs to") as raised:
        list_scenes(paths)
    assert raised.value.parameter == "each"
    assert names(*paths, each=True) == ["a", "b", "dem"]


def test_a_text_file_has_a_scene_a_line(tmp_path: Path) -> None:
    folder(tmp_path / "a")
    folder(tmp_path / "with blank")
    folder(tmp_path / "bands", "B04", "B03")
    text = "# comment\n\na  # the first\nwith blank\n'bands/B04.tif' bands/B03.tif\n"
    (tmp_path / "scenes.txt").write_text(text)
    listed = list_scenes([tmp_path / "scenes.txt"])
    assert [scene.name for scene in listed.scenes] == ["a", "with-blank", "bands"]
    assert listed.scenes[2].paths == (tmp_path / "bands/B04.tif", tmp_path / "bands/B03.tif")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no scene"),
        ("# nothing\n", "names no scene"),
        ("absent\n", "line 1 of .* which does not exist"),
        ("a\n'a\n", "line 2 of .* has a quote without an end"),
        ("a\nscenes.txt\n", "line 2 of .* is no single scene"),
        ("a\na\n", "is given twice"),
    ],
)
def test_a_damaged_list_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    folder(tmp_path / "a")
    (tmp_path / "scenes.txt").write_text(text)
    with pytest.raises(SceneError, match=message):
        list_scenes([tmp_path / "scenes.txt"])


def item(name: str, **assets: object) -> dict[str, object]:
    return {"type": "Feature", "id": name, "assets": assets}


def test_stac_items_name_the_rasters_that_are_here(tmp_path: Path) -> None:
    folder(tmp_path / "one", "B04", "B03")
    folder(tmp_path / "two", "B02")
    write_raster(tmp_path / "B08.tif", np.ones((8, 8), np.uint16))
    tif = {"type": "image/tiff; application=geotiff; profile=cloud-optimized"}
    first = item(
        "scene/1",
        red={"href": "./one/B04.tif", **tif},
        green={"href": (tmp_path / "one" / "B03.tif").as_uri()},
        nir={"href": "https://example.org/x/B08.tif", **tif},
        thumbnail={"href": "one/B04.tif", "roles": ["thumbnail"], **tif},
        metadata={"href": "one/x.xml", "type": "application/xml"},
    )
    second = item("scene-2", blue={"href": "two/B02.tif", "roles": ["data"]})
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": [first, second]}))
    listed = list_scenes([tmp_path / "items.json"])
    assert [scene.name for scene in listed.scenes] == ["scene-1", "scene-2"]
    assert [path.name for path in listed.scenes[0].paths] == ["B04.tif", "B03.tif", "B08.tif"]
    (tmp_path / "one.json").write_text(json.dumps(second))
    assert names(tmp_path / "one.json") == ["scene-2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no STAC items"),
        ('{"type": "FeatureCollection", "features": []}', "holds no STAC items"),
        ('{"type": "FeatureCollection", "features": [{"type": "Feature"}]}', "holds no STAC items"),
        (
            json.dumps(item("far", red={"href": "https://example.org/B04.tif?sig=x"} | {"type": "image/tiff"})),
            "item far .* at https://example.org/B04",
        ),
        (json.dumps(item("none", red={"href": 3}, blue="x")), "item none .* has no raster that can be read"),
    ],
)
def test_damaged_and_remote_items_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "items.json").write_text(content)
    with pytest.raises(SceneError, match=message):
        list_scenes([tmp_path / "items.json"])


def test_an_asset_that_is_not_here_is_read_at_its_url(tmp_path: Path) -> None:
    far = item("far", red={"href": "https://example.org/x/B04.tif"}, green={"href": "s3://bucket/B03.tif"})
    (tmp_path / "items.json").write_text(json.dumps(far))
    (scene,) = list_scenes([tmp_path / "items.json"]).scenes
    assert scene.paths == (Path("/vsicurl/https:/example.org/x/B04.tif"), Path("/vsis3/bucket/B03.tif"))


def test_equal_names_get_that_of_the_folder_above(tmp_path: Path) -> None:
    paths = [folder(tmp_path / year / "bands") for year in ("2023", "2024")]
    assert names(*paths) == ["2023-bands", "2024-bands"]
    assert [scene.name for scene in name_scenes([[path] for path in paths])] == ["2023-bands", "2024-bands"]
    deeper = [folder(tmp_path / year / "x" / "deep") for year in ("2023", "2024")]
    with pytest.raises(SceneError, match="several scenes would have the name 'x-deep'"):
        list_scenes(deeper)


def test_a_scene_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    one = folder(tmp_path / "one")
    with pytest.raises(SceneError, match="is given twice"):
        list_scenes([one, tmp_path / "." / "one"])
    with pytest.raises(SceneError, match="without paths"):
        name_scenes([[]])

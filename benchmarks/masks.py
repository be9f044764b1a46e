"""Measure the masks: what they find, what they cost on landslide ground, and a cloudy date with and without them.

    python benchmarks/masks.py ../shared/data OUT

Prints Markdown tables; OUT receives the maps of the two dates of Wayanad. Definitions:

- *under cloud*: pixels of the cloudy date whose blue exceeds that of the clear date by more than 800 DN and which lie
  within 200 m of thick cloud, where it does so by more than 1,500 DN. *Brighter*: all that exceed it by more than 800
  DN: sun-lit haze, single wisps and sediment in the river too. Neither knows anything of the masks.
- *lost*: pixels of labelled or mapped landslides that a mask hides or rules out.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import landslip
from landslip.channels import CHANNELS
from landslip.grid.neighbourhoods import is_near
from landslip.grid.window import Window
from landslip.inference.cloud_network import NETWORKS, CloudNetwork
from landslip.mapping.masks.scene_masks import CloudChoice, SceneMasks
from landslip.probability import reaches_threshold
from landslip.scenes.arrays import array_scene
from landslip.scenes.masks.classification import CLOUD_CLASSES, Classification
from landslip.scenes.masks.kinds import KINDS, MaskName
from landslip.scenes.scene import Scene

ALL: tuple[MaskName, ...] = ("clouds", "shadow", "snow", "water", "vegetation")
RUNS = (
    ("none", 240.0, False),
    ("auto", 60.0, False),
    ("auto", 240.0, False),
    ("none", 240.0, True),
    ("auto", 240.0, True),
    ("clouds,shadow,snow,vegetation", 240.0, True),
)
"""Masks, buffer in metres, and whether surface reflectance is converted (``--to-toa``)."""
L1C = tuple(name for name, channel in CHANNELS.items() if "L1C" in channel.levels)


def in_memory(values: NDArray[np.float32], channels: tuple[str, ...], pixel_m: float = 10) -> Scene:
    return array_scene(values, channels, GeoBox(values.shape[1:], Affine.scale(pixel_m), None))


def clouds_of(scene: Scene, source: CloudChoice = "network") -> NDArray[np.bool_]:
    """Clouds without the buffer and without the removal of small ones."""
    masks = SceneMasks.of(scene, ("clouds",), cloud_source=source)
    assert masks.clouds is not None
    return masks.clouds.find(scene.window)


def count(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


def f1(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> str:
    both, marked, true = count(found & truth), count(found), count(truth)
    precision, recall = both / max(marked, 1), both / max(true, 1)
    return f"{2 * both / max(marked + true, 1):.3f} | {precision:.3f} | {recall:.3f}"


def labelled_patches(folder: Path) -> Iterator[tuple[Scene, NDArray[np.bool_]]]:
    for path in sorted((folder / "TrainData" / "mask").glob("*.h5")):
        with h5py.File(path) as file:
            landslide = np.asarray(file["mask"]) == 1
        with h5py.File(folder / "TrainData" / "img" / path.name.replace("mask", "image")) as file:
            image = np.asarray(file["img"])
        held = [channel for channel in CHANNELS.values() if channel.l4s_index is not None]
        values = np.stack([image[..., one.l4s_index] * one.l4s_divisor for one in held]).astype(np.float32)
        yield in_memory(values, tuple(one.name for one in held)), landslide


def measure_networks(data: Path) -> None:
    """Compare the networks with the mask of ukis-csmask."""
    print("\n| cloud network | F1 | precision | recall |\n| --- | --- | --- | --- |")
    with np.load(data / "scenes" / "ukis-csmask-s2" / "sentinel2.npz") as file:
        image, truth = file["img"] * np.float32(10_000), file["msk"][..., 0] == 4
    names = ("B02", "B03", "B04", "B08", "B11", "B12")
    scene = in_memory(image.transpose(2, 0, 1), names, 20)
    for network in NETWORKS:
        found = CloudNetwork(network).find(scene, Window(0, 0, 512, 512))
        print(f"| {network.name} | {f1(found, truth)} |")
    shadow = SceneMasks.of(scene, ("clouds", "shadow"), buffer_m=0).codes(scene.window) == KINDS["shadow"].code
    with np.load(data / "scenes" / "ukis-csmask-s2" / "sentinel2.npz") as file:
        print(f"| shadow, sun unknown | {f1(shadow, file['msk'][..., 0] == 0)} |")


def measure_false_clouds(data: Path) -> None:
    """Fractions of scenes that are called cloud, beside what is known of them."""
    print("\n| scene | cloud by the network | known |\n| --- | --- | --- |")
    scenes = data / "scenes"
    scene = landslip.open_scene(scenes / "chittagong-s2-4band" / "s2_rgbn_uint16.tif")
    _, valid = scene.read(scene.channels)
    print(f"| Chittagong, RGB and NIR | {clouds_of(scene)[valid].mean():.4%} | no cloud by eye |")
    for date in ("clear", "cloudy"):
        scene = landslip.open_scene(scenes / "wayanad-2024" / date, offset=-1000)
        print(f"| Wayanad {date} | {clouds_of(scene).mean():.4%} | {'no cloud' if date == 'clear' else 'cumulus'} |")
    dates = np.load(scenes / "eolearn-l1c-13band" / "REFERENCE_SCENES.npy") * np.float32(10_000)
    for number, image in enumerate(dates):
        scene = in_memory(image.transpose(2, 0, 1), L1C)
        known = f"s2cloudless {clouds_of(scene, 's2cloudless').mean():.1%}"
        print(f"| Slovenia, L1C, date {number + 1} | {clouds_of(scene).mean():.1%} | {known} |")
    for folder in sorted((scenes / "mapchete-33twm").iterdir()):
        scene = landslip.open_scene(folder, pixel_size_m=120)
        classification = Classification.of(scene)
        assert classification is not None
        classes = classification.read(scene.window)
        found = CloudNetwork(NETWORKS[1])
        network = np.block(
            [
                [found.find(scene, Window(row, col, 512, 512)) for col in range(0, scene.width, 512)]
                for row in range(0, scene.height, 512)
            ]
        )[: scene.height, : scene.width]
        scl = np.isin(classes, CLOUD_CLASSES)
        print(f"| {folder.name}, 120 m | {network.mean():.1%} (not used at this size) | SCL {scl.mean():.1%} |")


def measure_harm(data: Path) -> None:
    """Labelled landslide pixels that masks take away."""
    lost = dict.fromkeys(ALL, 0)
    dark = total = pixels = 0
    marked = dict.fromkeys(ALL, 0)
    for scene, landslide in labelled_patches(data / "l4s-h5"):
        total += count(landslide)
        pixels += landslide.size
        for name in ALL:
            wanted: tuple[MaskName, ...] = ("clouds", "shadow") if name == "shadow" else (name,)
            mask = SceneMasks.of(scene, wanted).codes(scene.window) == KINDS[name].code
            lost[name] += count(mask & landslide)
            marked[name] += count(mask)
        red, nir = scene.read(["B04", "B08"])[0]
        dark += count((nir < 1500) & (red < 500) & landslide)
    print(f"\n| mask | of {total:,} labelled landslide px | of all {pixels:,} px |\n| --- | --- | --- |")
    for name in ALL:
        print(f"| {name} | {lost[name] / total:.3%} | {marked[name] / pixels:.3%} |")
    print(f"| dark enough for shadow, were a cloud near | {dark / total:.2%} | |")


def measure_wayanad(data: Path, out: Path) -> None:
    """Map both dates with and without masks."""
    folder = data / "scenes" / "wayanad-2024"
    blue = {}
    for date in ("clear", "cloudy"):
        with rasterio.open(folder / date / "B02.tif") as file:
            blue[date] = file.read(1).astype(np.float32)
    difference = blue["cloudy"] - blue["clear"]
    print(
        "\n| date | masks | converted | landslides, ha | of these under cloud | under thick cloud | brighter | "
        "nodata | cloud that is nodata |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    found = {}
    for date in ("clear", "cloudy"):
        for masks, buffer_m, to_toa in RUNS:
            result = landslip.map_scene(
                folder / date,
                out / f"{date}-{masks}-{buffer_m:g}-{to_toa}",
                offset=-1000,
                to_toa=to_toa,
                masks=masks,
                cloud_buffer_m=buffer_m,
                overwrite=True,
                resume=False,
            )
            with rasterio.open(result.probability) as file:
                encoded = file.read(1)
            landslide = reaches_threshold(encoded, result.summary.threshold)
            found[date, masks, buffer_m, to_toa] = landslide
            if date == "cloudy":
                thick, brighter = difference > 1500, difference > 800
                cloud = brighter & is_near(thick, 20)
                under = [count(landslide & where) / 100 for where in (cloud, thick, brighter)]
                nodata, hidden = (encoded == 255).mean(), (encoded == 255)[cloud].mean()
                text = f"{under[0]:.1f} | {under[1]:.1f} | {under[2]:.1f} | {nodata:.1%} | {hidden:.1%}"
            else:
                text = f"– | – | – | {(encoded == 255).mean():.3%} | –"
            name = masks if masks == "none" else f"{masks}, buffer {buffer_m:g} m"
            area_ha = result.summary.landslide_area_m2 / 1e4
            print(f"| {date} | {name} | {'yes' if to_toa else 'no'} | {area_ha:.1f} | {text} |")
    whole, masked = (found["clear", masks, 240.0, False] for masks in ("none", "auto"))
    gone = count(whole & ~masked) / count(whole)
    print(f"\nClear date: {gone:.2%} of the mapped landslide pixels are lost with masks.")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("out", type=Path)
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    measure_networks(given.data)
    measure_false_clouds(given.data)
    measure_harm(given.data)
    measure_wayanad(given.data, given.out)


if __name__ == "__main__":
    main()

"""A small detector with infrared and slope: five folds on the labelled patches of scene A, then real scenes.

    python train_infrared.py RGB_DETECTOR L4S_H5 SCENES TRACK [OUT.json]    # SCENES holds wayanad-2024/clear and others

Two kinds: a plain U-Net on seven channels, in which slope, shortwave infrared or both are dropped at random, so that it
runs without them; and a head of two convolutions on the logit of a frozen RGB detector and features of the pixel.
Patches that touch are in one fold. The threshold is 0.5 throughout: nothing is chosen on the patches or the scenes.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import landslip
from landslip.detector.detector import Detector
from landslip.evaluation.generalisation.real_scenes import Mapped, score_track
from landslip.grid.map_grid import MapGrid
from landslip.inference.gap_filling import fill_gaps
from landslip.training.augmentation import Augmentation
from landslip.training.data.target import Target
from landslip.training.losses import LossRecipe, build_loss
from landslip.training.networks.build import build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe.augmentation_section import AugmentationRecipe
from landslip.training.recipe.sections import NetworkRecipe

CHANNELS = ("B04", "B03", "B02", "B08", "B11", "B12", "slope")
SETS = {
    "B02-B04, B08, B11, B12, slope": (),
    "B02-B04, B08, B11, B12": ("slope",),
    "B02-B04, B08, slope": ("B11", "B12"),
    "B02-B04, B08": ("B11", "B12", "slope"),
}
"""Channels by what is absent."""
FOLDS = ((1, 2, 3, 4, 42), (16, 27, 28, 72), (38, 40, 41, 150), (168, 253, 300, 512), (525, 800, 1002))
STEPS, BATCH, CROP_PX, RATE = 120, 8, 64, 3e-3
TILE_PX, OVERLAP_PX = 128, 32
Image = NDArray[np.float32]
Predict = Callable[[Image, tuple[str, ...]], Image]
"""From values (7, H, W), without gaps, and absent channels to probability (H, W)."""
PredictHead = Callable[[Image, Image], Image]
"""From values (7, H, W), without gaps, and the logit of the RGB detector (H, W) to probability (H, W)."""
Scores = dict[str, dict[str, float]]


class Head(nn.Module):
    """A head of two convolutions on features of a pixel and the logit of the RGB detector."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(features, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, 1, H, W)."""
        logits: Tensor = self.layers(features)
        return logits


def main() -> None:
    """Print the tables."""
    torch.manual_seed(1)
    rgb, folder, scenes, track = Detector.open(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    patches = landslip.open_patches(folder)
    entries = [e for e in patches.entries if e.mask is not None and any(e.id in fold for fold in FOLDS)]
    read = [patches.read(entry) for entry in entries]
    values = np.stack([patch.select(CHANNELS) for patch in read])
    masks = np.stack([patch.mask for patch in read])
    ids = [entry.id for entry in entries]
    logits = np.stack([rgb_logit(rgb, one) for one in values])
    log(f"{len(ids)} patches, {(masks == 1).mean():.2%} landslide")
    table: dict[str, NDArray[np.int64]] = {}
    count_into(table, "RGB detector alone", sigmoid(logits), masks)
    for number, fold in enumerate(FOLDS):
        test = np.array([one in fold for one in ids])
        unet = train_unet(values[~test], masks[~test], seed=number)
        head = train_head(values[~test], logits[~test], masks[~test], seed=number)
        for name, absent in SETS.items():
            found = np.stack([unet(one, absent) for one in values[test]])
            count_into(table, f"U-Net, {name}", found, masks[test])
        found = np.stack([head(one, logit) for one, logit in zip(values[test], logits[test], strict=True)])
        count_into(table, "head on the RGB detector", found, masks[test])
        log(f"fold {number + 1}: " + "; ".join(f"{name} {f1(counts):.3f}" for name, counts in table.items()))
    results: dict[str, Scores] = {"patches": {name: scores(counts) for name, counts in table.items()}}
    log(json.dumps(results, indent=1))
    unet = train_unet(values, masks, seed=9)
    head = train_head(values, logits, masks, seed=9)
    results["scenes"] = judge_scenes(rgb, unet, head, scenes, track)
    log(json.dumps(results["scenes"], indent=1))
    if len(sys.argv) > 5:
        Path(sys.argv[5]).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def train_unet(values: Image, masks: NDArray[np.uint8], seed: int) -> Predict:
    """Train a plain U-Net on random crops, with channels dropped at random."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    images, labels = torch.from_numpy(values), torch.from_numpy(masks)
    means = images.mean(dim=(0, 2, 3))
    deviation = images.std(dim=(2, 3)).mean(dim=0)
    settings = NetworkRecipe(architecture="plain-unet", weights="none", decoder_channels=(64, 32, 16))
    normalise = Normalise("tile-brightness", means, deviation, CHANNELS)
    network = build_network(settings, CHANNELS, normalise).network
    augment = Augmentation(
        AugmentationRecipe(
            crop_px=CROP_PX, zoom=0.2, gain=1.5, channel_gain=0.12, haze=0.3, haze_removal=1.0, gamma=1.15,
            illumination=0.05, blur=0.3, band_shift_px=0.5, snow=0.1, shadow=0.1, edge_nodata=0.0,
        ),
        CHANNELS,
    )  # fmt: skip
    loss = build_loss(LossRecipe(), CHANNELS)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.2)
    network.train()
    for _ in range(STEPS):
        chosen = torch.randint(len(images), (BATCH,), generator=generator)
        crops, target = augment(images[chosen], Target.of_masks(labels[chosen]), generator)
        drop_some(crops, means, generator)
        optimiser.zero_grad()
        loss(network(crops).squeeze(1), target, crops).backward()
        optimiser.step()
        schedule.step()
    network.eval()

    def predict(image: Image, absent: tuple[str, ...]) -> Image:
        filled = torch.from_numpy(image.copy())[None]
        for name in absent:
            filled[:, CHANNELS.index(name)] = means[CHANNELS.index(name)]
        with torch.inference_mode():
            probability: Image = network(filled).sigmoid()[0, 0].numpy()
        return probability

    return predict


def drop_some(crops: Tensor, means: Tensor, generator: torch.Generator) -> None:
    """Drop shortwave infrared, and slope, each in a third of the crops, in place."""
    for names in (("B11", "B12"), ("slope",)):
        rows = torch.rand(len(crops), generator=generator) < 1 / 3
        for name in names:
            crops[rows, CHANNELS.index(name)] = means[CHANNELS.index(name)]


def train_head(values: Image, logits: Image, masks: NDArray[np.uint8], seed: int) -> PredictHead:
    """Train a head on the frozen RGB detector."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.from_numpy(np.stack([features(a, b) for a, b in zip(values, logits, strict=True)]))
    target = Target.of_masks(torch.from_numpy(masks))
    head = Head(inputs.shape[1])
    loss = build_loss(LossRecipe(), CHANNELS)
    optimiser = torch.optim.AdamW(head.parameters(), 1e-2, weight_decay=0.01)
    for _ in range(STEPS):
        chosen = torch.randint(len(inputs), (4,), generator=generator)
        picked = Target(target.landslide[chosen], target.valid[chosen])
        optimiser.zero_grad()
        loss(head(inputs[chosen]).squeeze(1), picked, torch.zeros(4, len(CHANNELS), *masks.shape[1:])).backward()
        optimiser.step()

    def predict(image: Image, logit: Image) -> Image:
        with torch.inference_mode():
            probability: Image = head(torch.from_numpy(features(image, logit))[None]).sigmoid()[0, 0].numpy()
        return probability

    return predict


def features(image: Image, logit: Image) -> Image:
    """Return features (8, H, W): the logit, four channels relative to the tile, NDVI, NBR and slope."""
    of = dict(zip(CHANNELS, image.astype(np.float64), strict=True))
    relative = [of[name] / max(of[name].mean(), 1.0) - 1 for name in ("B04", "B08", "B11", "B12")]
    ndvi, nbr = ((of["B08"] - of[name]) / np.maximum(of["B08"] + of[name], 1.0) for name in ("B04", "B12"))
    return np.stack([logit / 4, *relative, ndvi, nbr, of["slope"] / 20 - 1]).astype(np.float32)


def rgb_logit(rgb: Detector, image: Image) -> Image:
    """Return the logit of the RGB detector (H, W)."""
    order = [CHANNELS.index(name) for name in rgb.card.channels]
    found = landslip.predict(image[order], rgb, channels=rgb.card.channels, precision="float32")
    certain = np.nan_to_num(found, nan=1e-4).clip(1e-4, 1 - 1e-4)
    logit: Image = np.log(certain / (1 - certain)).astype(np.float32)
    return logit


def judge_scenes(rgb: Detector, unet: Predict, head: PredictHead, scenes: Path, track: Path) -> Scores:
    """Mark real scenes: the track of Wayanad and the rest; elsewhere there is hardly anything to find."""
    results: Scores = {}
    scene = landslip.open_scene(scenes / "wayanad-2024" / "clear", offset=-1000)
    image, valid = scene.read(CHANNELS[:-1])
    filled = np.concatenate([fill_gaps(image, valid), np.zeros((1, *valid.shape), np.float32)])
    logit = rgb_logit(rgb, filled)
    slope_free = filled.copy()
    slope_free[-1] = 20  # the mean of the training patches, about
    found = {
        "U-Net, B02-B04, B08, B11, B12": tiles(filled, leave_out(unet, ("slope",))),
        "U-Net, B02-B04, B08": tiles(filled, leave_out(unet, ("B11", "B12", "slope"))),
        "head on the RGB detector": tiles(
            np.concatenate([slope_free, logit[None]]), lambda one: head(one[:-1], one[-1])
        ),
        "RGB detector alone": sigmoid(logit),
    }
    grid = MapGrid.of(scene.geobox, scene.window)
    row, col = grid.height // 2, grid.width // 2
    pixel_m2 = float(grid.areas_and_perimeters_m(np.array([shapely.box(col, row, col + 1, row + 1)], object))[0][0])
    for name, probability in found.items():
        scored = score_track(Mapped((probability >= 0.5) & valid, valid, grid, pixel_m2), track)
        results[f"Wayanad: {name}"] = scored.as_dict()
        log(f"Wayanad: {name}: {scored}")
    for title, (four, inside) in quiet_scenes(scenes).items():
        whole = np.zeros((len(CHANNELS), *inside.shape), np.float32)
        whole[: len(four)] = fill_gaps(four, inside)
        absent = ("slope",) if len(four) == 6 else ("B11", "B12", "slope")
        marked = {
            "U-Net": tiles(whole, leave_out(unet, absent)),
            "RGB detector alone": sigmoid(rgb_logit(rgb, whole)),
        }
        if len(four) == 6:
            whole[-1] = 20
            both = np.concatenate([whole, rgb_logit(rgb, whole)[None]])
            marked["head on the RGB detector"] = tiles(both, lambda one: head(one[:-1], one[-1]))
        results[title] = {name: float(((p >= 0.5) & inside).sum() / inside.sum()) for name, p in marked.items()}
        log(f"{title}: {results[title]}")
    return results


def leave_out(unet: Predict, absent: tuple[str, ...]) -> Callable[[Image], Image]:
    """Return what predicts an image without some channels."""
    return lambda image: unet(image, absent)


def quiet_scenes(scenes: Path) -> dict[str, tuple[Image, NDArray[np.bool_]]]:
    """Read scenes with hardly anything to find, in the order of ``CHANNELS``: 4 or 6 of them."""
    found = {}
    chittagong = landslip.open_scene(
        scenes / "chittagong-s2-4band" / "s2_rgbn_uint16.tif", channels=["B04", "B03", "B02", "B08"]
    )
    values, valid = chittagong.read(CHANNELS[:4])
    found["Chittagong"] = (values, valid)
    with np.load(scenes / "spyndex-s2-10m" / "s2_10m_b02_b03_b04_b08.npz") as file:
        bands = np.asarray(file[file.files[0]], np.float32)
    bands = bands if bands.shape[0] == 4 else np.moveaxis(bands, -1, 0)
    found["spyndex"] = (bands[[2, 1, 0, 3]], np.ones(bands.shape[1:], np.bool_))
    dates = np.load(scenes / "eolearn-l1c-13band" / "REFERENCE_SCENES.npy")
    order = [3, 2, 1, 7, 11, 12]
    for number, date in enumerate(dates):
        values = np.moveaxis(date[..., order], -1, 0).astype(np.float32) * 10_000
        found[f"eo-learn, date {number + 1}"] = (values, np.isfinite(values).all(axis=0) & (values > 0).all(axis=0))
    return found


def tiles(image: Image, predict: Callable[[Image], Image]) -> Image:
    """Predict an image tile by tile; each tile gives its middle."""
    margin, step = OVERLAP_PX // 2, TILE_PX - OVERLAP_PX
    height, width = image.shape[1:]
    pad = ((0, 0), (margin, margin + -height % step), (margin, margin + -width % step))
    padded = np.pad(image, pad, mode="reflect")
    found = np.zeros((height + -height % step, width + -width % step), np.float32)
    for row in range(0, found.shape[0], step):
        for col in range(0, found.shape[1], step):
            one = predict(padded[:, row : row + TILE_PX, col : col + TILE_PX])
            found[row : row + step, col : col + step] = one[margin : margin + step, margin : margin + step]
    return found[:height, :width]


def sigmoid(logits: Image) -> Image:
    """Return probability."""
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def count_into(table: dict[str, NDArray[np.int64]], name: str, probability: Image, masks: NDArray[np.uint8]) -> None:
    """Add hits, false alarms and misses at threshold 0.5."""
    marked, truth, known = probability >= 0.5, masks == 1, masks != 255
    counts = np.array([(marked & truth).sum(), (marked & ~truth & known).sum(), (~marked & truth).sum()])
    table[name] = table.get(name, np.zeros(3, np.int64)) + counts


def f1(counts: NDArray[np.int64]) -> float:
    """Return F1."""
    return float(2 * counts[0] / max(2 * counts[0] + counts[1] + counts[2], 1))


def scores(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return F1, precision and recall."""
    hit, false, missed = (int(one) for one in counts)
    return {"f1": f1(counts), "precision": hit / max(hit + false, 1), "recall": hit / max(hit + missed, 1)}


def log(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""What frozen features of Galileo-nano give with 5, 10 and all labelled patches of scene A, beside the 14 channels.

    python score_galileo.py L4S_H5 GALILEO_NANO    # galileo-nano holds encoder.pt (Tseng et al. 2025, arXiv 2502.09356)

The encoder is a vision transformer over groups of bands; a token here is 4 x 4 pixels of one group, and the feature of
a pixel is the mean of the groups' tokens, interpolated. Logistic regression of single pixels on top of features, of the
14 channels, or of both; patches that touch are in one fold; the threshold is the best on the patches of training.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

import landslip

FOLDS = ((1, 2, 3, 4, 42), (16, 27, 28, 72), (38, 40, 41, 150), (168, 253, 300, 512), (525, 800, 1002))
TOKEN_PX, WINDOW_PX, HEADS, DEPTH = 4, 32, 8, 4
JUNE = 5
"""Month of the image, which is not known."""
GROUPS = {
    "space_time_embed.S2_RGB": (1, ("B02", "B03", "B04")),
    "space_time_embed.S2_Red_Edge": (2, ("B05", "B06", "B07")),
    "space_time_embed.S2_NIR_10m": (3, ("B08",)),
    "space_time_embed.S2_SWIR": (5, ("B11", "B12")),
    "space_time_embed.NDVI": (6, ("ndvi",)),
    "space_embed.SRTM": (0, ("elevation", "slope")),
}
"""Groups of channels by their place in the embedding of channels; Landslide4Sense lacks B8A, another group."""
MEAN_AND_DEVIATION = {
    "B02": (1395.34, 917.70), "B03": (1338.40, 913.30), "B04": (1343.10, 1092.68), "B05": (1543.86, 1047.22),
    "B06": (2186.20, 1048.01), "B07": (2525.09, 1143.69), "B08": (2410.34, 1098.98), "B11": (2234.91, 1145.98),
    "B12": (1474.53, 980.24), "ndvi": (0.28921, 0.27209), "elevation": (673.015, 983.070), "slope": (5.93009, 8.16741),
}  # fmt: skip
"""Statistics of the training of Galileo; inputs are scaled from mean - 2 to mean + 2 deviations to 0..1."""
SAMPLED = 20_000


def main() -> None:
    """Print F1 for each number of patches."""
    patches = landslip.open_patches(sys.argv[1])
    weights = torch.load(Path(sys.argv[2]) / "encoder.pt", map_location="cpu", weights_only=True)
    entries = [e for e in patches.entries if e.mask is not None and any(e.id in fold for fold in FOLDS)]
    read = [patches.read(entry) for entry in entries]
    ids = np.array([entry.id for entry in entries])
    labels = [patch.mask.ravel() == 1 for patch in read]
    channels = [patch.values.reshape(len(patch.channels), -1).T for patch in read]
    features = []
    for patch in read:
        values = dict(zip(patch.channels, patch.values, strict=True))
        features.append(pixel_features(values, weights))
    sets = {
        "Galileo": features,
        "14 channels": channels,
        "both": [np.concatenate(pair, axis=1) for pair in zip(features, channels, strict=True)],
    }
    for number in (5, 10, None):
        for name, table in sets.items():
            counts = np.zeros(3)
            for place, fold in enumerate(FOLDS):
                test = np.isin(ids, fold)
                train = np.random.default_rng(place).permutation(np.flatnonzero(~test))[:number]
                counts += score(table, labels, train, np.flatnonzero(test))
            hit, false, missed = counts
            text = f"{name:12} {number or 'all other'} patches: F1 {2 * hit / (2 * hit + false + missed):.3f}"
            sys.stdout.write(f"{text} P {hit / max(hit + false, 1):.3f} R {hit / (hit + missed):.3f}\n")
            sys.stdout.flush()


def score(
    table: list[NDArray[np.float32]],
    labels: list[NDArray[np.bool_]],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> NDArray[np.int64]:
    """Fit on some patches and count hits, false alarms and misses on others."""
    inputs, truth = (np.concatenate([one[place] for place in train]) for one in (table, labels))
    chosen = np.random.default_rng(1).choice(len(truth), SAMPLED, replace=False)
    inputs, truth = inputs[chosen], truth[chosen]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    model.fit(inputs, truth)
    fitted = model.predict_proba(inputs)[:, 1]
    steps = np.linspace(0.02, 0.98, 49)
    threshold = steps[np.argmax([f1(*count(fitted >= step, truth)) for step in steps])]
    found = [model.predict_proba(table[place])[:, 1] >= threshold for place in test]
    counts = np.array([count(one, labels[place]) for one, place in zip(found, test, strict=True)], np.int64)
    total: NDArray[np.int64] = counts.sum(axis=0)
    return total


def count(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Count hits, false alarms and misses."""
    return int((found & truth).sum()), int((found & ~truth).sum()), int((~found & truth).sum())


def f1(hit: int, false: int, missed: int) -> float:
    """Return F1."""
    return 2 * hit / max(2 * hit + false + missed, 1)


def pixel_features(values: dict[str, NDArray[np.float32]], weights: dict[str, Tensor]) -> NDArray[np.float32]:
    """Return features (H * W, 128) of the pixels of a patch."""
    red, infrared = values["B04"], values["B08"]
    values = values | {"ndvi": (infrared - red) / np.maximum(infrared + red, 1)}
    side = red.shape[0]
    per_side = side // WINDOW_PX
    scaled = {
        name: (torch.from_numpy(values[name]) - (mean - 2 * deviation)) / (4 * deviation)
        for name, (mean, deviation) in MEAN_AND_DEVIATION.items()
    }
    stacked = torch.stack(list(scaled.values()))
    windows = stacked.unfold(1, WINDOW_PX, WINDOW_PX).unfold(2, WINDOW_PX, WINDOW_PX)
    windows = windows.permute(1, 2, 0, 3, 4).reshape(-1, len(scaled), WINDOW_PX, WINDOW_PX)
    with torch.inference_mode():
        tokens = encode(dict(zip(scaled, windows.unbind(1), strict=True)), weights).mean(dim=1)
    grid = WINDOW_PX // TOKEN_PX
    whole = tokens.reshape(per_side, per_side, grid, grid, -1).permute(4, 0, 2, 1, 3)
    whole = whole.reshape(1, -1, side // TOKEN_PX, side // TOKEN_PX)
    fine = functional.interpolate(whole, scale_factor=TOKEN_PX, mode="bilinear")
    return fine[0].flatten(1).T.numpy().copy()


def encode(inputs: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
    """Encode channels (N, H, W) to tokens (N, groups, H * W / 16, 128)."""
    width = weights["norm.weight"].numel()
    part = width // 4
    side = WINDOW_PX // TOKEN_PX
    where = positions(side, part)
    sequence = []
    for name, (place, channels) in GROUPS.items():
        kernel = resize_kernel(weights[f"{name}.proj.weight"])
        image = torch.stack([inputs[channel] for channel in channels], dim=1)
        embedded = functional.conv2d(image, kernel, weights[f"{name}.proj.bias"], stride=TOKEN_PX).flatten(2).mT
        over_time = name.startswith("space_time")
        channel = weights["s_t_channel_embed" if over_time else "sp_channel_embed"][place]
        when = torch.cat([weights["pos_embed"][0], weights["month_embed.weight"][JUNE]]) * over_time
        same = torch.cat([channel, when]).expand(side * side, -1)
        sequence.append(embedded + torch.cat([same, where], dim=1))
    tokens = torch.cat(sequence, dim=1)
    for number in range(DEPTH):
        tokens = transform(tokens, {name.removeprefix(f"blocks.{number}."): one for name, one in weights.items()})
    tokens = functional.layer_norm(tokens, (width,), weights["norm.weight"], weights["norm.bias"])
    encoded: Tensor = tokens.unflatten(1, (len(GROUPS), side * side))
    return encoded


def transform(tokens: Tensor, block: dict[str, Tensor]) -> Tensor:
    """Apply one block of the transformer: attention, then two layers, each added to its input."""

    def linear(values: Tensor, name: str) -> Tensor:
        return functional.linear(values, block[f"{name}.weight"], block[f"{name}.bias"])

    def normalised(values: Tensor, name: str) -> Tensor:
        return functional.layer_norm(values, values.shape[-1:], block[f"{name}.weight"], block[f"{name}.bias"])

    given = normalised(tokens, "norm1")
    query, key, value = (linear(given, f"attn.{name}").unflatten(2, (HEADS, -1)).transpose(1, 2) for name in "qkv")
    mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    tokens = tokens + linear(mixed, "attn.proj")
    return tokens + linear(functional.gelu(linear(normalised(tokens, "norm2"), "mlp.fc1")), "mlp.fc2")


def positions(side: int, width: int) -> Tensor:
    """Return the sinusoidal encoding (side * side, width) of column and row, in pixels."""
    half = width // 2
    rates = 10_000 ** (-torch.arange(half // 2) / half / 2)
    angles = torch.arange(side)[:, None] * TOKEN_PX * rates
    one = torch.cat([angles.sin(), angles.cos()], dim=1)
    across, down = one[None].expand(side, -1, -1), one[:, None].expand(-1, side, -1)
    return torch.cat([across, down], dim=2).flatten(0, 1)


def resize_kernel(kernel: Tensor) -> Tensor:
    """Resize a kernel of 8 x 8 pixels so that it gives the same for an image that is resized (FlexiViT, 2212.08013)."""
    size = kernel.shape[-1]
    basis = torch.eye(size * size).reshape(-1, 1, size, size)
    resized = functional.interpolate(basis, (TOKEN_PX, TOKEN_PX), mode="bicubic", antialias=True).flatten(1)
    small: Tensor = (kernel.flatten(2) @ torch.linalg.pinv(resized).T).unflatten(2, (TOKEN_PX, TOKEN_PX))
    return small


if __name__ == "__main__":
    main()

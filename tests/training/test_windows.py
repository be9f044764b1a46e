"""Random crops of patches: image and labels from one position, every position possible."""

import torch

from batches_made import equal, generator, make_many
from landslip.training.augmentation.geometry import crop_windows
from landslip.training.augmentation.random_source import RandomSource
from landslip.training.data.target import Target


def numbered(n: int, height: int, width: int) -> "tuple[torch.Tensor, Target]":
    """Patches whose values and labels both encode the position of each pixel."""
    places = torch.arange(height * width, dtype=torch.float32).reshape(1, height, width)
    truth = (places / (height * width)).expand(n, -1, -1)
    return places.unsqueeze(0).expand(n, 2, -1, -1), Target(truth, torch.ones_like(truth, dtype=torch.bool))


def draw(seed: int) -> RandomSource:
    return RandomSource(generator(seed), torch.device("cpu"))


def test_image_and_labels_are_cropped_at_the_same_position() -> None:
    values, target = crop_windows(*numbered(40, 48, 64), 32, draw(0))
    assert values.shape == (40, 2, 32, 32)
    assert torch.equal(values[:, 0] / (48 * 64), target.landslide)
    assert bool((values[:, :, :, 1:] - values[:, :, :, :-1] == 1).all())
    assert bool((values[:, :, 1:] - values[:, :, :-1] == 64).all())


def test_every_position_is_drawn() -> None:
    values, _ = crop_windows(*numbered(500, 34, 33), 32, draw(1))
    assert {divmod(int(corner), 33) for corner in values[:, 0, 0, 0]} == {(r, c) for r in range(3) for c in range(2)}


def test_a_patch_that_is_no_larger_stays_whole() -> None:
    batch = make_many(n=3, size=(32, 32))
    assert equal(crop_windows(*batch, 32, draw(0)), batch)
    assert equal(crop_windows(*batch, 64, draw(0)), batch)

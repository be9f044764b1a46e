"""Batches as tensors on the device that trains, from HDF5 files, from a store or from memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from landslip.patches.feed import Batch, Source, batches


@dataclass(frozen=True, slots=True)
class DataModule:
    """What a network learns from and what it is judged by while it learns."""

    train: Source
    choose: Source
    batch: int
    seed: int
    device: torch.device | str = "cpu"
    threads: int = 2

    def train_batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Values (N, C, H, W) and masks (N, H, W) of the training part, in an order of this epoch's own."""
        return self._tensors(batches(self.train, self.batch, seed=self.seed, epoch=epoch, threads=self.threads))

    def choose_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The same of the choosing part, in its own order."""
        return self._tensors(batches(self.choose, self.batch, threads=self.threads))

    def _tensors(self, fed: Iterator[Batch]) -> Iterator[tuple[Tensor, Tensor]]:
        device = torch.device(self.device)
        for batch in fed:
            values, masks = torch.from_numpy(batch.values), torch.from_numpy(batch.masks)
            if device.type == "cuda":
                # Only pinned memory is copied while the device computes.
                values, masks = values.pin_memory(), masks.pin_memory()
            yield values.to(device, non_blocking=True), masks.to(device, non_blocking=True)

"""A patch set as a PyTorch dataset; PyTorch is imported when one is made, not with this module."""

from functools import cache
from typing import TYPE_CHECKING, Any

from landslip.errors import require_extra

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import Dataset

    from landslip.datasets.patch_set import PatchSet

    TorchDataset = Dataset[tuple[Tensor, Tensor]]


def torch_dataset(patches: "PatchSet[Any]") -> "TorchDataset":
    """Return a map-style dataset of pairs: values (C, H, W) float32 in DN, degrees and metres, mask (H, W) uint8.

    Raises:
        MissingExtraError: PyTorch is not installed.

    Example:
        >>> import landslip
        >>> values, mask = torch_dataset(landslip.open_patches("examples/l4s-rgb-scene-b"))[0]
        >>> values.shape, mask.dtype
        (torch.Size([3, 128, 128]), torch.uint8)
    """
    dataset: TorchDataset = _dataset_class()(patches)
    return dataset


@cache
def _dataset_class() -> Any:
    torch = require_extra("torch", "train")
    base: Any = require_extra("torch.utils.data", "train").Dataset

    class TorchPatches(base):  # type: ignore[misc]  # imported at run time
        """The patches of a set as tensors, read when they are indexed."""

        def __init__(self, patches: "PatchSet[Any]") -> None:
            self.patches = patches

        def __len__(self) -> int:
            return len(self.patches)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            patch = self.patches.read(self.patches.entries[index])
            return torch.from_numpy(patch.values), torch.from_numpy(patch.mask)

        def __repr__(self) -> str:
            return f"TorchPatches({self.patches!r})"

        def __reduce__(self) -> tuple[Any, ...]:
            # Workers of a DataLoader may be new processes, to which a class made in a function is unknown.
            return torch_dataset, (self.patches,)

    return TorchPatches

"""In what numbers a network computes while it learns, in Lightning's words."""

from typing import Any, Final, Literal

import torch

from landslip.training.recipe.fit_sections import MachineRecipe

Plugin = Literal["32-true", "bf16-mixed"]
_PLUGINS: Final[dict[str, Plugin]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def precision_for(machine: MachineRecipe) -> Plugin:
    """What Lightning calls the precision of a recipe; ``auto`` takes bfloat16 where the device is quick in it."""
    if machine.precision != "auto":
        return _PLUGINS[machine.precision]
    return _PLUGINS["bfloat16" if _quick_in_bfloat16(machine.accelerator) else "float32"]


def _quick_in_bfloat16(accelerator: str) -> bool:
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator in ("auto", "cpu"):
        # Other CPUs compute it too, by way of float32, and lose time: only these have instructions for it.
        asked: Any = torch.cpu
        return bool(asked._is_avx512_bf16_supported() or asked._is_amx_tile_supported())
    return False

"""The sections of a recipe that say how long and how fast to learn, on what machine, and where it is logged."""

from typing import Annotated, Literal

from pydantic import Field

from landslip.files.model import Frozen


class OneCycle(Frozen):
    """Up to the highest rate and down to nothing, once (Smith & Topin 2018, arXiv 1708.07120)."""

    kind: Literal["one-cycle"] = "one-cycle"
    rise_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of the steps in which the rate rises."""


class Steps(Frozen):
    """The same rate for some epochs, then a part of it, and so on."""

    kind: Literal["step"] = "step"
    every_epochs: int = Field(default=30, ge=1)
    """Epochs at one rate."""
    factor: float = Field(default=0.1, gt=0, le=1)
    """What the rate is then multiplied by."""


class Cosine(Frozen):
    """Half a cosine from the highest rate to nothing (Loshchilov & Hutter 2017, arXiv 1608.03983), after a warm-up."""

    kind: Literal["cosine"] = "cosine"
    rise_share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises, in a straight line."""


class Constant(Frozen):
    """The same rate from the first step to the last."""

    kind: Literal["constant"] = "constant"


Schedule = Annotated[OneCycle | Steps | Cosine | Constant, Field(discriminator="kind")]


class FitRecipe(Frozen):
    """How long and how fast to learn, and which epoch is kept."""

    epochs: int = Field(default=40, ge=1)
    """Times that the training part is gone through."""
    batch: int = Field(default=16, ge=1)
    """Patches a step, on each device."""
    optimiser: Literal["adam", "adamw"] = "adamw"
    """adam, or adamw, whose decay of weights is apart from the gradient (arXiv 1711.05101)."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The highest of the schedule, for the decoder."""
    encoder_share: float = Field(default=0.5, gt=0, le=1)
    """The encoder's learning rate, as a share of the decoder's: it starts from learned weights."""
    weight_decay: float = Field(default=0.01, ge=0)
    """How much of a weight is taken off at each step, times the learning rate."""
    schedule: Schedule = OneCycle()
    """How the learning rate changes: one-cycle, step, cosine or constant."""
    clip: float | None = Field(default=None, gt=0)
    """Longest gradient, as the norm over all weights; null for any length."""
    memory: float = Field(default=0.995, ge=0, lt=1)
    """How much of the running mean of the weights is kept at each step; 0 uses the last weights alone."""
    equal_from: float | None = Field(default=None, ge=0, lt=1)
    """From this share of the epochs on, the plain mean of each epoch's last weights (SWA, arXiv 1803.05407)."""
    check_every: int = Field(default=2, ge=1)
    """Epochs between two looks at the choosing part."""
    choose_by: Literal["plain", "plain-and-stressed"] = "plain-and-stressed"
    """What the kept epoch is best in: F1 of the choosing part, or its mean with that under changed light."""
    patience: int | None = Field(default=None, ge=1)
    """Looks without a better one after which learning stops; null never stops early."""


class MachineRecipe(Frozen):
    """What computes; devices, nodes and strategy are Lightning's own words."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network while it learns; auto: bfloat16 where the device is quick in it."""
    accelerator: str = "auto"
    """auto, cpu, gpu, mps ..."""
    devices: int | Literal["auto"] = "auto"
    """How many of them on each node; on a CPU auto is one."""
    nodes: int = Field(default=1, ge=1)
    """How many machines."""
    strategy: str = "auto"
    """How several devices work together: auto, ddp, fsdp ..."""
    read_threads: int = Field(default=2, ge=1)
    """Threads that read patches ahead; files of HDF5 are read by one in any case."""


class LogRecipe(Frozen):
    """Where the course of learning is written, beside log.csv."""

    tensorboard: bool = True
    """Write event files for TensorBoard into the run's folder."""
    mlflow: str | None = None
    """Address or folder of an MLflow store; needs the package mlflow-skinny or mlflow."""

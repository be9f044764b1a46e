"""The sections of a recipe: network, optimisation, distillation, calibration, hardware and logging."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from landslip.datasets.class_chips import Brightness
from landslip.datasets.splits import Part
from landslip.files.model import Frozen
from landslip.inference.tta import TTA
from landslip.training.networks.normalise import NormalisationKind
from landslip.training.recipe.augmentation_section import AugmentationRecipe

RUN_WEIGHTS_SUFFIX: Final = ".safetensors"
"""Suffix of the path of a run's weights."""


class NetworkRecipe(Frozen):
    """Architecture, initial weights and input normalisation."""

    name: str | None = None
    """One of the paper's networks by name, such as unet-resnet34; null: architecture and encoder below."""
    architecture: str = "unet"
    """Architecture of segmentation_models.pytorch, such as unet, fpn, deeplabv3plus, segformer; or plain-unet."""
    encoder: str = "efficientnet_lite0"
    """Encoder of segmentation_models.pytorch, or tu- followed by the name of a timm model."""
    weights: str = "imagenet-lite0"
    """none, imagenet (download), imagenet-lite0 | 1 | 2, ukis-csmask, a run's weights.safetensors, or a detector."""
    decoder_channels: tuple[int, ...] | None = None
    """Channels of the decoder stages, deepest first; null: the default of the architecture."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropping a feature channel before the last layer."""
    normalisation: NormalisationKind = "tile-channel"
    """Normalisation of the inputs; it is part of the exported detector."""
    indices: tuple[str, ...] = ()
    """Spectral indices that are added to the input: ndvi, grvi, ndwi, ndmi, nbr, bsi."""


class OneCycle(Frozen):
    """One-cycle schedule: up to the peak learning rate and down to zero (Smith & Topin 2018, arXiv 1708.07120)."""

    kind: Literal["one-cycle"] = "one-cycle"
    warmup_fraction: float = Field(default=0.15, gt=0, lt=1)
    """Fraction of the steps in which the learning rate rises."""


class Steps(Frozen):
    """Step schedule: the learning rate is multiplied by a factor at regular intervals."""

    kind: Literal["step"] = "step"
    step_epochs: int = Field(default=30, ge=1)
    """Epochs between two changes of the learning rate."""
    factor: float = Field(default=0.1, gt=0, le=1)
    """Factor by which the learning rate is multiplied."""


class Cosine(Frozen):
    """Cosine decay to zero after a linear warm-up (Loshchilov & Hutter 2017, arXiv 1608.03983)."""

    kind: Literal["cosine"] = "cosine"
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Fraction of the steps in which the learning rate rises linearly."""


class Constant(Frozen):
    """Constant learning rate."""

    kind: Literal["constant"] = "constant"


Schedule = Annotated[OneCycle | Steps | Cosine | Constant, Field(discriminator="kind")]


class FitRecipe(Frozen):
    """Optimiser, schedule, weight averaging and model selection."""

    epochs: int = Field(default=40, ge=1)
    """Number of passes over the training part."""
    batch_size: int = Field(default=16, ge=1)
    """Patches per optimisation step and device."""
    optimiser: Literal["adam", "adamw"] = "adamw"
    """adam, or adamw (decoupled weight decay, arXiv 1711.05101)."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate of the decoder."""
    encoder_lr_multiplier: float = Field(default=0.5, gt=0, le=1)
    """Learning rate of the encoder, which starts from pretrained weights, as a multiple of the decoder's."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Weight decay of the optimiser."""
    schedule: Schedule = OneCycle()
    """Learning rate schedule: one-cycle, step, cosine or constant."""
    gradient_clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient over all weights; null: no clipping."""
    ema_decay: float = Field(default=0.995, ge=0, lt=1)
    """Decay per step of the exponential moving average (EMA) of the weights; 0: no averaging."""
    swa_start: float | None = Field(default=None, ge=0, lt=1)
    """Fraction of the epochs after which epoch weights are averaged equally (SWA, arXiv 1803.05407); null: EMA."""
    validate_every: int = Field(default=2, ge=1)
    """Epochs between two validations."""
    monitor: Literal["f1", "robust-f1"] = "robust-f1"
    """Score that selects the epoch: f1 of validation, or its mean with the F1 under photometric perturbations."""
    patience: int | None = Field(default=None, ge=1)
    """Early stopping: validations without improvement after which training ends; null: never."""


class DistillationRecipe(Frozen):
    """Knowledge distillation: soft labels from other detectors (Hinton et al. 2015, arXiv 1503.02531)."""

    teachers: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names or paths of the teacher detectors; their probabilities are averaged."""
    tta: TTA = "none"
    """Test-time augmentation of the teachers: none, flips (4 passes) or d4 (8 passes)."""
    weight: float = Field(default=0.5, ge=0, le=1)
    """Weight of the soft labels in the target, against the reference labels; 1 where labels are nodata."""


class SelfTrainingRecipe(Frozen):
    """Self-training: pseudo-labels on unlabelled patches by the detector of the round before (arXiv 1911.04252)."""

    data: str | None = None
    """Folder of the unlabelled patches; their masks, if any, are ignored."""
    rounds: int = Field(default=1, ge=1)
    """Number of students trained one after the other."""
    background_below: float = Field(default=0.05, ge=0, lt=1)
    """Pixels up to this probability get the pseudo-label background."""
    landslide_above: float = Field(default=0.8, gt=0, le=1)
    """Pixels from this probability get the pseudo-label landslide; those in between become nodata."""
    max_fraction: float = Field(default=0.5, gt=0, lt=1)
    """Largest fraction of pseudo-labelled patches in the training part; if there are more, a random sample is used."""
    augmentation: AugmentationRecipe | None = None
    """Augmentation of the students, usually stronger than the first teacher's; null: the recipe's."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.background_below >= self.landslide_above:
            raise ValueError(
                f"background_below must be less than landslide_above, "
                f"got {self.background_below} and {self.landslide_above}"
            )
        return self


class NegativesRecipe(Frozen):
    """Chips without landslides in every batch, against false alarms on quiet ground."""

    data: str | None = None
    """Folder of the chips, one folder for each class: CLASS/CLASS_N.jpg, as in EuroSAT."""
    fraction: float = Field(default=0.25, gt=0, lt=1)
    """Fraction of each batch."""
    brightness: Brightness = "relative"
    """Conversion to DN: relative to the chip, as in RGB patches of Landslide4Sense, or absolute."""
    keep_apart: int = Field(default=150, ge=0)
    """Chips of each class, those with the highest numbers, that are not trained on, to report on."""


class CalibrationRecipe(Frozen):
    """Data on which temperature and threshold of the trained network are chosen."""

    photometric_robustness: bool = True
    """Whether the threshold maximises the mean F1 over the original and photometrically perturbed images."""
    parts: tuple[Part, ...] = ()
    """Parts that are used, with equal weights; empty: the validation part."""
    cross_scene_predictions: tuple[str, ...] = ()
    """Files of predictions (.npz) of the same recipe by scene-out; unseen scenes then weigh as much as parts."""


class MachineRecipe(Frozen):
    """Hardware; accelerator, devices, nodes and strategy are passed to lightning.Trainer."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the forward and backward pass; auto: bfloat16 where the device supports it natively."""
    accelerator: str = "auto"
    """auto, cpu, gpu, mps ..."""
    devices: int | Literal["auto"] = "auto"
    """Devices per node; auto is 1 on a CPU."""
    nodes: int = Field(default=1, ge=1)
    """Number of machines."""
    strategy: str = "auto"
    """Distributed strategy: auto, ddp, fsdp ..."""
    read_threads: int = Field(default=2, ge=1)
    """Threads that read patches ahead; HDF5 files are always read by one."""


class LogRecipe(Frozen):
    """Loggers beside log.csv."""

    tensorboard: bool = True
    """Write event files for TensorBoard to the run folder."""
    mlflow: str | None = None
    """Tracking URI or folder of an MLflow store; needs the package mlflow-skinny or mlflow."""

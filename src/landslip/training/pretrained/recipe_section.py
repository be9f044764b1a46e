"""What must be told to make a detector of foreign weights: what the file itself does not say."""

from typing import Literal

from pydantic import Field

from landslip.detector.card import Name, Text
from landslip.files.model import Frozen

Inputs = Literal["dn", "l4s"]
Raised = Literal["logits", "probabilities"]
"""What a SegFormer of transformers brings from a quarter of the resolution to the whole."""


class ForeignRecipe(Frozen):
    """How foreign weights are to be understood, and what the card says of them."""

    name: Name
    """Of the detector."""
    network: Text
    """A network of the paper by its name, such as unet-resnet34; or architecture/encoder, such as unet/resnet18."""
    channels: tuple[str, ...] = Field(min_length=1)
    """In the order in which the network was trained on them."""
    inputs: Inputs
    """dn: DN, degrees and metres as they are; l4s: the values of Landslide4Sense's files, each over a divisor."""
    classes: int = Field(default=1, ge=1, le=100)
    """1 for one logit of landslide; more for a softmax."""
    landslide_class: int = Field(default=1, ge=0)
    """Which class is landslide, where there are more than one."""
    raised: Raised = "logits"
    leave_out: tuple[str, ...] = ()
    """Beginnings of names in the file that are no part of the network."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    threshold_chosen: Text = "by default: nobody has chosen one for these weights on data that landslip knows"
    half_precision_storage: bool = False
    title: str = ""
    """Left empty: the network and the file."""
    trained_on: Text = "not known: these weights were trained elsewhere"
    not_good_for: tuple[Text, ...] = (
        "anything, until it was scored: landslip knows no accuracy of these weights (landslip evaluate)",
    )
    licence: Text = "not known: ask the author of the weights before you pass them on"
    attribution: tuple[Text, ...] = ()
    """Added to the name of the file that the weights came in."""

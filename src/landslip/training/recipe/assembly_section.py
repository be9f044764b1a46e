"""The section of a recipe that says how a trained network becomes a detector."""

from landslip.datasets.parts import Part
from landslip.files.model import Frozen
from landslip.post_training.graph_tta import Turns


class FinishRecipe(Frozen):
    """How a trained network becomes a detector, and on what its threshold is chosen."""

    turns: Turns = "none"
    """none, flips (4 passes an image) or d4 (8): in which turns and flips the detector looks and averages."""
    lights: bool = True
    """Whether the threshold must serve under changed light too: the mean F1 over its own light and the stresses."""
    parts: tuple[Part, ...] = ()
    """Parts over which temperature and threshold are chosen, each with the same say; empty for the choosing part."""
    unseen: tuple[str, ...] = ()
    """Predictions (.npz) of the same recipe by scene-out: the threshold must serve on ground it never saw as well."""

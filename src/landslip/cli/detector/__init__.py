"""``landslip detector``: detectors and their cards; one file per verb, imported when it is called."""

from typing import Final

import click

from landslip.cli.lazy import LazyGroup

VERBS: Final = {
    "list": "List the packaged detectors.",
    "show": "Show the card of a detector: inputs, training data, scores, limits.",
    "import": "Convert trained weights of others (.pth, .safetensors) to a detector.",
    "fetch": "Download published weights and convert them to a detector.",
    "ensemble": "Average detectors, or test-time augmentations of one, in a new detector.",
    "adapt": "Adapt batch-norm statistics to an unlabelled target scene (AdaBN).",
    "finetune": "Train a detector further on labelled landslides of a place.",
    "calibrate": "Recalibrate temperature and decision threshold on a labelled set.",
    "quantise": "Quantise to int8, if accuracy on held-out patches equals float32.",
    "export": "Export a detector to plain ONNX or OpenVINO IR.",
    "bench": "Time the engines on this machine.",
}
"""Every verb with its help, in the order of use."""


@click.group(cls=LazyGroup, package=__name__, helps=VERBS)
def command() -> None:
    """List, show, import, combine, adapt, fine-tune, calibrate, quantise, export and time detectors.

    A detector is a trained segmentation model with its normalisation, threshold and card in one ONNX file. DETECTOR
    is the name of a packaged detector or the path of such a file.

    \b
    Example:
      landslip detector show s2-rgb
      landslip detector calibrate mine.onnx --data DATA -o calibrated.onnx
    """

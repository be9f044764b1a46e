"""Engines agree on the packaged detectors, on the real patches of the examples."""

from pathlib import Path

import numpy as np
import pytest

from landslip.datasets.patch_set import stack_patches
from landslip.datasets.rgb import open_rgb_set
from landslip.detector.detector import Detector, packaged
from landslip.errors import EngineError
from landslip.evaluation.evaluate import evaluate
from landslip.inference.engine import InferenceOptions, available_engines, open_engine

OTHERS = [name for name in available_engines() if name != "openvino"]


@pytest.mark.parametrize("detector", packaged())
@pytest.mark.parametrize("name", OTHERS)
def test_probabilities_agree_within_a_thousandth(examples: Path, detector: str, name: str) -> None:
    opened = Detector.open(detector)
    images = stack_patches(open_rgb_set(examples / "l4s-rgb-scene-b").where(lambda entry: entry.id % 7 == 0)).values
    one, other = (
        open_engine(opened, InferenceOptions(engine, "float32"), height=128, width=128)(images)
        for engine in ("openvino", name)
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


@pytest.mark.parametrize("detector", packaged())
@pytest.mark.parametrize("name", OTHERS)
def test_f1_agrees_within_two_thousandths(examples: Path, detector: str, name: str) -> None:
    opened, patches = Detector.open(detector), open_rgb_set(examples / "l4s-rgb-scene-b")
    one, other = (
        evaluate(opened, patches, options=InferenceOptions(engine, "float32")).pixel.f1 for engine in ("openvino", name)
    )
    assert one == pytest.approx(other, abs=0.002)


@pytest.mark.parametrize("name", OTHERS)
def test_bfloat16_is_openvinos_alone(name: str) -> None:
    with pytest.raises(EngineError, match="does not compute in bfloat16: use openvino"):
        open_engine(Detector.open("s2-rgb"), InferenceOptions(name, "bfloat16"), height=128, width=128)

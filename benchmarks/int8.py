"""Speed and F1 of float32, bfloat16 and int8 on the engines for CPUs, beside eager PyTorch in float32.

    python benchmarks/int8.py --data DATA [--scene A --rows 0-43] [--detector NAME|resnet34]...

Each detector is quantised on the patches. All rows of a table run the same patches in alternating rounds; the best
round of each counts. F1 is that of the held-out patches, pooled. For ``resnet34`` (random weights, batch norm
measured on the patches) only the speed and the difference in probability mean anything. Needs landslip[train,edge].
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import PatchStack, stack_patches
from landslip.datasets.splits import Part, rows_from_text
from landslip.detector.card import Quantisation
from landslip.detector.detector import Detector, packaged, seal
from landslip.errors import EngineError, RunError
from landslip.inference.cpu import cpu_instructions, cpu_name
from landslip.inference.engine import InferenceOptions, Precision, open_engine
from landslip.post_training.adaptation import adapt, images_of_patches
from landslip.post_training.calibration import update_card
from landslip.post_training.precision_parity import NARROW_PX, keep_narrow
from landslip.post_training.quantisation import quantise, split_patches
from landslip.post_training.quantised_graph import QuantisableGraph
from landslip.probability import LANDSLIDE, NODATA, encode_probability, reaches_threshold
from landslip.training.assembly.export import export_graph
from landslip.training.networks.build import build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe.sections import NetworkRecipe

ROUNDS = 7
TIMED = 64
_INSTRUCTIONS = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scene", default="A")
    parser.add_argument("--rows", type=rows_from_text, default=(0, 43))
    parser.add_argument("--detector", action="append", choices=[*packaged(), "resnet34"])
    arguments = parser.parse_args()
    part = Part(scenes=(arguments.scene,), rows=arguments.rows)
    patches = open_patches(arguments.data).where(part.contains)
    held_out = stack_patches(split_patches(patches)[1])
    has = [name for name in _INSTRUCTIONS if name in (cpu_instructions() or ())]
    print(f"{cpu_name()} ({' '.join(has)}), {os.cpu_count()} cores, best of {ROUNDS} rounds of {TIMED} patches")
    quantised: Detector | None
    for name in arguments.detector or [*packaged(), "resnet34"]:
        if name == "resnet34":
            (detector, quantised), network = _resnet34(patches), NetworkRecipe(encoder="resnet34", weights="none")
        else:
            detector = Detector.open(name)
            network = NetworkRecipe.model_validate(detector.card.recipe["network"] | {"weights": "none", "name": None})
            try:
                quantised = quantise(detector, patches, f"{arguments.data.name}, {part}")
            except RunError as error:
                print(error)
                quantised = None
        _compare(name, detector, quantised, _eager(network, detector.card.channels), held_out)


def _resnet34(patches: Any) -> tuple[Detector, Detector]:
    """U-Net ResNet34 with random weights, exported as landslip exports it, and quantised without a check."""
    template = Detector.open("s2-rgb")
    torch.manual_seed(0)
    normalise = Normalise("tile-channel", torch.ones(3), torch.ones(3), template.card.channels)
    built = build_network(NetworkRecipe(encoder="resnet34", weights="none"), template.card.channels, normalise)
    fitting = split_patches(patches)[0]
    images = images_of_patches(template, fitting)
    drawn = update_card(seal(export_graph(built.network, 1.0, 3), template.card), architecture="unet/resnet34")
    detector = adapt(drawn, images, "the patches")  # activations of random weights grow without fitted batch norm
    graph = QuantisableGraph(onnx.load_model_from_string(detector.onnx_bytes), "resnet34")
    graph.calibrate(images)
    record = Quantisation(
        method="unchecked",
        calibrated_on="the patches",
        held_out="nothing",
        layers=len(graph.layers),
        float_layers=tuple(graph.outer.values()),
        cpu=cpu_name(),
        narrow_px=NARROW_PX,
    )
    card = type(detector.card).model_validate(detector.card.model_dump() | {"quantisation": record.model_dump()})
    return detector, seal(graph.quantise(graph.layers), card)


def _eager(recipe: NetworkRecipe, channels: tuple[str, ...]) -> Run:
    """The same network with random weights in PyTorch: the speed does not depend on the weights."""
    normalise = Normalise("tile-channel", torch.ones(len(channels)), torch.ones(len(channels)), channels)
    network = build_network(recipe, channels, normalise).network.eval()

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            parts = [torch.sigmoid(network(part))[:, 0] for part in torch.from_numpy(images).split(16)]
        return torch.cat(parts).numpy()

    return run


def _compare(name: str, plain: Detector, quantised: Detector | None, eager: Run, held_out: PatchStack) -> None:
    rows: dict[str, Run] = {"eager PyTorch float32": eager}
    cases: list[tuple[Detector | None, str, Precision]] = [
        (plain, "openvino", "float32"),
        (plain, "onnxruntime", "float32"),
        (plain, "openvino", "bfloat16"),
        (quantised, "openvino", "int8"),
        (quantised, "onnxruntime", "int8"),
    ]
    height, width = held_out.masks.shape[1:]
    for detector, engine, precision in cases:
        if detector is not None:
            try:
                options = InferenceOptions(engine, precision)
                rows[f"{engine} {precision}"] = open_engine(detector, options, height=height, width=width)
            except EngineError as error:
                print(error)
    best_s = dict.fromkeys(rows, np.inf)
    images = held_out.values[:TIMED]
    for _ in range(1 + ROUNDS):  # the first warms up, and can only be slower
        for label, run in rows.items():
            start = perf_counter()
            run(images)
            best_s[label] = min(best_s[label], perf_counter() - start)
    print(f"\n{name} ({plain.card.architecture}), F1 on {len(held_out)} held-out patches")
    print(f"{'':<24}{'patches/s':>10}{'ratio':>7}{'F1':>9}{f'under {NARROW_PX} px':>13}{'mean diff':>11}")
    narrow = np.stack([keep_narrow(mask) for mask in held_out.masks])
    reference: NDArray[np.float32] | None = None
    for label, run in rows.items():
        speed = (
            f"{label:<24}{len(images) / best_s[label]:>10.1f}{best_s['eager PyTorch float32'] / best_s[label]:>7.2f}"
        )
        if label.startswith("eager"):
            print(speed)
            continue
        results = run(held_out.values)
        reference = results if reference is None else reference
        scores = [_f1(results, masks, plain.card.threshold) for masks in (held_out.masks, narrow)]
        difference = float(np.abs(results - reference).mean())
        print(f"{speed}{scores[0]:>9.4f}{scores[1]:>13.4f}{difference:>11.5f}", flush=True)


def _f1(probability: NDArray[np.float32], masks: NDArray[np.uint8], threshold: float) -> float:
    known = masks != NODATA
    found, landslide = reaches_threshold(encode_probability(probability), threshold)[known], masks[known] == LANDSLIDE
    return float(2 * (found & landslide).sum() / max(1, found.sum() + landslide.sum()))


if __name__ == "__main__":
    main()

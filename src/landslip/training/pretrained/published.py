"""The thirteen networks published by the author of arXiv 2507.01123, and how to import their files.

From the author's code (github.com/HarshShinde0/Deepslide): the files are state dicts of a training module with the
network under ``model.`` and the weight of its loss as ``wce.weight``; 14 channels with the values of Landslide4Sense
files; one logit. U-Net and DeepLabV3+ are those of segmentation-models-pytorch, under a second ``model.``. MiT-B1 takes
three channels, mixed by a 1 x 1 convolution. SegFormer is that of transformers; in training its probabilities, not its
logits, were upsampled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from landslip.datasets.l4s_values import L4S_CHANNELS
from landslip.errors import OutputError, RunError, WeightsError
from landslip.files.download import HUB, RemoteFile, download, list_hub
from landslip.files.pins import check_pin, downloads_folder, pin, read_pins
from landslip.files.progress import Progress, no_progress
from landslip.training.pretrained.segformer import PretrainedRecipe

SOURCE: Final = "deepslide"
REPOSITORY: Final = "harshinde/DeepSlide_Models"


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of the repository."""

    file: str
    network: str
    """Name of the network in landslip."""


DEEPSLIDE: Final[Mapping[str, PublishedFile]] = MappingProxyType(
    {
        "resnet34": PublishedFile("resnet34.pth", "unet-resnet34"),
        "vgg16": PublishedFile("vgg16.pth", "unet-vgg16"),
        # [sic]: the published file name is misspelt.
        "efficientnetb0": PublishedFile("effucientnetb0.pth", "unet-efficientnet-b0"),
        "resnext50_32x4d": PublishedFile("resnext50-32x4d.pth", "unet-resnext50"),
        "se_resnet50": PublishedFile("se_resnet50.pth", "unet-se-resnet50"),
        "densenet121": PublishedFile("densenet121.pth", "unet-densenet121"),
        "se_resnext50_32x4d": PublishedFile("se_resnext50_32x4d.pth", "unet-se-resnext50"),
        "inceptionv4": PublishedFile("inceptionv4.pth", "unet-inception-v4"),
        "inceptionresnetv2": PublishedFile("inceptionresnetv2.pth", "unet-inception-resnet-v2"),
        "deeplabv3plus": PublishedFile("deeplabv3.pth", "deeplabv3plus-resnet50"),
        "mobilenetv2": PublishedFile("mobilenetv2.pth", "unet-mobilenet-v2"),
        "mitb1": PublishedFile("mitb1.pth", "unet-mit-b1"),
        "segformer": PublishedFile("segformer.pth", "segformer-b2"),
    }
)
"""By the names of the author's page, in the order of the paper's table."""


def find_published(name: str) -> tuple[str, PublishedFile]:
    """Return a published file and its name without ``deepslide/``.

    Raises:
        WeightsError: the name is unknown.
    """
    short = name.removeprefix(f"{SOURCE}/")
    if short not in DEEPSLIDE:
        raise WeightsError(
            f"unknown weights '{name}': allowed are {', '.join(f'{SOURCE}/{one}' for one in DEEPSLIDE)}",
            parameter="name",
        )
    return short, DEEPSLIDE[short]


def published_recipe(name: str) -> PretrainedRecipe:
    """Return the description of published weights.

    Raises:
        WeightsError: the name is unknown.
    """
    short, published = find_published(name)
    return PretrainedRecipe(
        name=f"{SOURCE}-{short.replace('_', '-')}",
        network=published.network,
        channels=L4S_CHANNELS,
        inputs="l4s",
        upsampling="probabilities" if short == "segformer" else "logits",
        threshold_selection="as on the author's page, not selected on data",
        title=f"Pretrained weights: {published.network}, 14 channels, by the author of arXiv 2507.01123",
        trained_on=(
            "Landslide4Sense, a random 80 % of the training patches according to the author (arXiv 2507.01123); "
            "details unknown"
        ),
        not_good_for=(
            "any use before an evaluation (landslip evaluate): the accuracy of these weights is unknown",
            "comparison by the author's scores: they are means over batches of a random split of neighbouring patches, "
            "which leaks, and the epoch was chosen on the same split",
            "surface reflectance (L2A): it needs B10, which only top-of-atmosphere products (L1C) have",
        ),
        licence="unknown: not stated with the weights (the author's code is Apache-2.0); ask before distributing them",
        attribution=(
            "Burange, Shinde, Mutyalwar 2025, arXiv 2507.01123: Landslide Detection and Mapping Using Deep Learning "
            f"Across Multi-Source Satellite Data and Geographic Regions (huggingface.co/{REPOSITORY})",
            "Trained on Landslide4Sense, CC BY 4.0: Ghorbanzadeh et al. 2022, IEEE TGRS, doi 10.1109/TGRS.2022.3215209",
            "Contains modified Copernicus Sentinel data",
        ),
    )


_DOWNLOADS: Final = "downloads"


def fetch_published(
    name: str, *, folder: Path | None = None, base_url: str = HUB, progress: Progress = no_progress
) -> Path:
    """Download published weights, unless they are there; an interrupted call resumes when repeated.

    The sha256 that the hub lists is verified. That of the first download is kept: a file that changes later is
    refused.

    Args:
        name: such as ``deepslide/resnet34``.
        folder: where files and checksums are kept; by default ``LANDSLIP_HOME`` or the user's data folder.
        base_url: another server with the API of the hub.
        progress: told the bytes while downloading.

    Returns:
        The path of the file.

    Raises:
        WeightsError: the name is unknown.
        RunError: the hub cannot be reached, or the file changed since its first download.
        OutputError: the folder cannot be written.
        MissingExtraError: pooch or huggingface_hub is not installed.
    """
    short, published = find_published(name)
    kept = folder or downloads_folder()
    path = kept / _DOWNLOADS / SOURCE / published.file
    key = f"{SOURCE}/{short}"
    if _is_here(kept, key, path):
        return path
    try:
        offered = _offered(published.file, base_url.rstrip("/"))
        check_pin(kept, key, offered)
        download(offered, path.parent, lambda done: progress("downloading", done, offered.size_bytes))
        pin(kept, key, offered)
    except OSError as error:
        raise OutputError(
            f"{kept} cannot be written ({error.strerror or error}): set LANDSLIP_HOME to a folder on a disk with space"
        ) from error
    return path


def manual_download(name: str) -> str:
    """Return how to download and import published weights where the hub cannot be reached from here."""
    _, published = find_published(name)
    upsampled = "" if published.network != "segformer-b2" else " --upsample probabilities"
    return (
        f"download {published.file} from {HUB}/{REPOSITORY} by hand and run  landslip detector import "
        f"{published.file} --network {published.network} --channels l4s --inputs l4s{upsampled}"
    )


def _is_here(kept: Path, key: str, path: Path) -> bool:
    """Return whether the file of the first download is on disk, so that no server needs to be asked."""
    first = read_pins(kept).get(key)
    if first is None or not path.is_file():
        return False
    listed = RemoteFile(name=path.name, url=first.url, size_bytes=first.size_bytes, checksum=f"sha256:{first.sha256}")
    return listed.matches(path)


def _offered(file: str, base: str) -> RemoteFile:
    """Return the hub's entry of a file."""
    found = next((one for one in list_hub(REPOSITORY, "model", base) if one.name == file), None)
    if found is None:
        raise RunError(f"{base}/{REPOSITORY} no longer lists {file}: see its page for the reason")
    if not found.checksum.startswith("sha256:"):
        raise RunError(f"{base}/{REPOSITORY} lists {file} without a sha256 checksum: the file is refused")
    return found

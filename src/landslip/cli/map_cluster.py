"""``landslip map --cluster``: one scene on a Dask cluster, and what it prints."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.output import print_warnings
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.change.detector import ChangeDetector
    from landslip.cluster.runner import ClusterRequest


def check_folder(out: Path) -> None:
    """Check that an output without a cluster is a folder.

    Raises:
        OutputError: it is a URL.
    """
    from landslip.errors import OutputError

    text = str(out)
    if text.startswith(("s3:/", "gs:/", "az:/")):
        raise OutputError(
            f"an object store is written by a cluster only, got {text}: add --cluster local:1 to map on this machine, "
            "or give a folder",
            parameter="out",
        )


def sayer(*, quiet: bool) -> Callable[[str], None]:
    """Return a function that prints what the user should know on stderr; one that prints nothing where ``quiet``."""

    def say(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    return say


def map_one(
    cluster: str,
    paths: Sequence[Path],
    request: "ClusterRequest",
    change: "ChangeDetector | None",
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Map one scene on a cluster and print the result.

    Args:
        cluster: address of the scheduler, its file, or ``local:N``.
        paths: of the scene.
        request: what to map.
        change: detector of change; a cluster has the default one only.
        quiet: print failures only.
        as_json: print the summary as JSON.

    Raises:
        LandslipError: an input is wrong, the cluster is lost, or the map cannot be written.
    """
    from landslip.change.detector import BASELINE, DEFAULT_CHANGE
    from landslip.cli.map import print_result
    from landslip.cluster.mapping import map_scene_on_cluster
    from landslip.cluster.object_store import store_url
    from landslip.errors import SettingsError

    if change is not None and change.name not in (DEFAULT_CHANGE, BASELINE):
        raise SettingsError(
            f"a cluster finds what is new by the default detector of change, got '{change.name}': leave out "
            "--change-detector, or --cluster",
            parameter="change_detector",
        )
    with progress_line(quiet=quiet) as progress:
        summary = map_scene_on_cluster(cluster, paths, request, progress=progress, say=sayer(quiet=quiet))
    if as_json:
        click.echo(summary.model_dump_json(indent=2))
        return
    print_warnings(summary.warnings)
    if not quiet:
        print_result(summary, store_url(request.out) or request.out)

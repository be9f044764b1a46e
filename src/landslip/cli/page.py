"""``landslip page``: serve the web page."""

from pathlib import Path

import click

from landslip.cli.options import build_settings

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_POSITIVE = click.IntRange(1)


@click.command("page")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, metavar="N", help="Port to listen on.")
@click.option(
    "--address",
    default="127.0.0.1",
    help="Address to listen on. The page has no login: to serve others, put it behind a proxy that has (docs/page.md).",
)
@click.option("--base-path", default="", metavar="PATH", help="URL path of the page behind a reverse proxy.")
@click.option("--data", type=_FOLDER, help="Data set to browse.")
@click.option("--examples", type=_FOLDER, help="Folder of example images; default: that of the repository.")
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Detector to offer besides the packaged ones; may be repeated.",
)
@click.option("--max-upload-mb", type=_POSITIVE, metavar="N", default=200, help="Largest uploaded file.")
@click.option("--max-session-mb", type=_POSITIVE, metavar="N", default=2000, help="Disk space per session.")
@click.option("--max-megapixels", type=_POSITIVE, metavar="N", default=150, help="Largest scene, in million pixels.")
@click.option("--max-patches", type=_POSITIVE, metavar="N", default=500, help="Most patches per upload.")
@click.option("--workers", type=_POSITIVE, metavar="N", default=1, help="Number of maps made in parallel.")
@click.option("--threads", type=_POSITIVE, metavar="N", help="CPU threads per map; default: all cores.")
@click.option("--run-time-s", type=_POSITIVE, metavar="N", default=1800, help="Time limit of a map.")
@click.option("--reader-time-s", type=_POSITIVE, metavar="N", default=90, help="Time limit for reading an upload.")
@click.option(
    "--reader-memory-mb", type=_POSITIVE, metavar="N", default=4000, help="Memory limit for reading an upload."
)
@click.option("--worker-memory-mb", type=_POSITIVE, metavar="N", default=12_000, help="Memory limit for making a map.")
@click.option(
    "--base-map", metavar="URL", help="MapLibre style of a base map; browsers then request tiles from that server."
)
def command(**settings: object) -> None:
    """Serve a web page on this machine: upload an image, view and download the landslide map.

    The page makes no connections of its own, except when a user loads a published network. Stop it with Ctrl-C.

    \b
    Example:
      landslip page --port 8600
    """
    from landslip.page.server.serving import serve
    from landslip.page.server.settings import PageSettings

    chosen = build_settings(PageSettings, **{name: value for name, value in settings.items() if value is not None})
    click.echo(f"open http://{chosen.address}:{chosen.port}/{chosen.base_path}")
    serve(chosen)

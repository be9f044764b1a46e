"""``landslip page``: the page, for people who would rather not use a command line."""

from pathlib import Path

import click


@click.command("page")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port to listen on.")
@click.option(
    "--address",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. The page asks nobody who they are: put others behind a proxy that does (docs/page.md).",
)
@click.option("--base-path", default="", metavar="PATH", help="Where the page lies behind a reverse proxy.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Data set to explore.")
@click.option(
    "--examples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the examples; that of the repository if left out.",
)
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another detector to offer; may be given again.",
)
@click.option("--max-upload-mb", type=click.IntRange(1), default=200, show_default=True, help="Largest file.")
@click.option(
    "--max-visit-mb", type=click.IntRange(1), default=2000, show_default=True, help="What one visitor may keep here."
)
@click.option(
    "--max-megapixels", type=click.IntRange(1), default=150, show_default=True, help="Largest scene, million pixels."
)
@click.option("--max-patches", type=click.IntRange(1), default=500, show_default=True, help="Most patches at once.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Maps made at a time.")
@click.option("--threads", type=click.IntRange(1), help="Cores for a map; all if left out.")
@click.option("--run-time-s", type=click.IntRange(1), default=1800, show_default=True, help="Longest run.")
@click.option(
    "--reader-time-s", type=click.IntRange(1), default=90, show_default=True, help="Longest look at an upload."
)
@click.option(
    "--reader-memory-mb", type=click.IntRange(1), default=4000, show_default=True, help="Memory to look at an upload."
)
@click.option(
    "--worker-memory-mb", type=click.IntRange(1), default=12_000, show_default=True, help="Memory to make a map."
)
@click.option("--base-map", metavar="URL", help="MapLibre style of a base map; browsers then ask that server for it.")
def command(**settings: object) -> None:
    """Serve the page on this machine: drop in an image, see the landslides.

    It sends nothing anywhere. Stop it with Ctrl-C.
    """
    from landslip.page.server.serving import PageSettings, serve

    chosen = PageSettings.model_validate({name: value for name, value in settings.items() if value is not None})
    click.echo(f"open http://{chosen.address}:{chosen.port}/{chosen.base_path}")
    serve(chosen)

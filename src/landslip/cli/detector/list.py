"""``landslip detector list``: list the packaged detectors."""

import json

import click

from landslip.cli.options import json_option
from landslip.cli.output import print_next


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List the packaged detectors."""
    from landslip.detector.detector import DEFAULT, Detector, packaged

    cards = {name: Detector.open(name).card for name in packaged()}
    if as_json:
        rows = [
            {"name": name, "title": card.title, "channels": card.channels, "default": name == DEFAULT}
            for name, card in cards.items()
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for name, card in cards.items():
        default = "  (default)" if name == DEFAULT else ""
        click.echo(f"{name}{default}\n    {card.title}\n    channels {', '.join(card.channels)}")
    print_next("landslip", "detector", "show", "NAME")

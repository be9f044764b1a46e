"""``landslip detector list``: the detectors that come with landslip."""

import json

import click


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """List the detectors that come with landslip."""
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
        default = "  (taken where none is named)" if name == DEFAULT else ""
        click.echo(f"{name}{default}\n    {card.title}\n    channels {', '.join(card.channels)}")
    click.echo("next: landslip detector show NAME")

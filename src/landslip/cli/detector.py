"""``landslip detector``: what detectors there are, what their cards say, and what can be made of them."""

import json

import click

from landslip.cli.finishing import calibrate_command, ensemble_command


@click.group("detector")
def command() -> None:
    """List detectors, read their cards, join them, calibrate them."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_detectors(as_json: bool) -> None:
    """List the detectors that come with landslip."""
    from landslip.detector import DEFAULT, Detector, packaged

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


@command.command("show")
@click.argument("detector", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON.")
def show_detector(detector: str, as_json: bool) -> None:
    """Show the card of a detector: what it takes, how good it is, what it is not good for."""
    from landslip.detector import Detector

    opened = Detector.open(detector)
    if as_json:
        card = opened.card.model_dump(mode="json")
        click.echo(json.dumps(card | {"sha256": opened.sha256, "size_bytes": len(opened.onnx_bytes)}, indent=2))
    else:
        from landslip.cli.card_text import card_text

        click.echo(card_text(opened))


command.add_command(ensemble_command)
command.add_command(calibrate_command)

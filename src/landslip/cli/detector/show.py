"""``landslip detector show``: the card of a detector."""

import json

import click


@click.command("show")
@click.argument("detector", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON.")
def command(detector: str, as_json: bool) -> None:
    """Show the card of a detector: what it takes, how good it is, what it is not good for."""
    from landslip.detector.detector import Detector

    opened = Detector.open(detector)
    if as_json:
        card = opened.card.model_dump(mode="json")
        click.echo(json.dumps(card | {"sha256": opened.sha256, "size_bytes": len(opened.onnx_bytes)}, indent=2))
    else:
        from landslip.cli.card_text import card_text

        click.echo(card_text(opened))

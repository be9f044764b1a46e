"""``landslip data pairs``: make pairs of dates from labelled patches."""

from pathlib import Path

import click

from landslip.cli.options import PATH, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line


@click.command("pairs")
@click.argument("data", metavar="DIR", type=PATH)
@click.option("-o", "--out", metavar="FOLDER", type=PATH, required=True, help="New folder for the pairs.")
@click.option("--chips", metavar="FOLDER", type=PATH, help="Chips by class, as EuroSAT, that are pasted as fields.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting: old_fraction, fields, season, sun, light, haze, snow, misregistration_px, shift_px, "
    "keep_apart.",
)
@click.option("--seed", type=click.IntRange(0), default=1, metavar="N", help="Random seed.")
@quiet_option
def command(data: Path, out: Path, chips: Path | None, settings: tuple[str, ...], seed: int, quiet: bool) -> None:
    """Make pairs of dates from RGB patches, to train and score detectors of change.

    The image before each patch is made: its landslides are replaced by the ground around them, some stay as old ones,
    and season, light, snow, misregistration and pasted fields make the dates differ. No real pair is in the set.

    \b
    Example:
      landslip data pairs l4s-rgb/ -o pairs/ --chips eurosat/
      landslip data pairs l4s-rgb/ -o moved/ --set shift_px=[1,0]
    """
    import yaml

    from landslip.datasets.formats import open_patches
    from landslip.datasets.rgb import RgbSet
    from landslip.errors import PatchesError, SettingsError
    from landslip.synthetic.pair_set import PairSetSettings, make_pair_set

    patches = open_patches(data)
    if not isinstance(patches, RgbSet):
        raise PatchesError(f"{data} holds no RGB patches: give a folder with img/image_N.png and mask/mask_N.png")
    given: dict[str, object] = {"seed": seed}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in PairSetSettings.model_fields:
            raise SettingsError(
                f"'{setting}' is no setting of pairs: give NAME=VALUE with one of "
                f"{', '.join(PairSetSettings.model_fields)}"
            )
        given[name] = yaml.safe_load(text)
    chosen = PairSetSettings.model_validate(given)
    with progress_line(quiet=quiet) as progress:
        count = make_pair_set(out, patches, chosen, chips, progress=progress)
    click.echo(f"made {count:,} pairs in {out}")
    print_next("landslip", "data", "show", out)

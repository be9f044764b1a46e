"""The course of learning on paper: a row an epoch in ``log.csv``, and the same to TensorBoard and MLflow if asked."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger

from landslip.errors import MissingExtraError
from landslip.training.loop.validation import Look
from landslip.training.recipe.recipe import Recipe

LOG: Final = "log.csv"
Row = Mapping[str, float]
"""An epoch by the names of the columns; what was not looked at is left out."""


def row_of(epoch: int, seconds: float, rate: float, means: Row, look: Look | None) -> dict[str, float]:
    """What there is to say about an epoch."""
    row = {"epoch": epoch, "seconds": round(seconds, 3), "learning_rate": rate, **means}
    if look is not None:
        row |= {
            "f1_at_half": look.f1_at_half,
            "f1_best": look.f1_best,
            "threshold_best": look.threshold_best,
            "f1_stressed_mean": look.f1_stressed_mean,
            "f1_stressed_worst": look.f1_stressed_worst,
        }
    return row


def look_of(row: Row) -> Look | None:
    """The look at the choosing part that a row tells of, if there was one."""
    if "f1_best" not in row:
        return None
    return Look(
        int(row["epoch"]),
        row["f1_at_half"],
        row["f1_best"],
        row["threshold_best"],
        row["f1_stressed_mean"],
        row["f1_stressed_worst"],
    )


def write_log(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows; the file is whole, the old one or the new one."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(rows)
    unfinished.replace(path)


def build_loggers(recipe: Recipe, folder: Path) -> list[Logger]:
    """What else is told of every epoch.

    Raises:
        MissingExtraError: MLflow is asked for and not installed.
    """
    loggers: list[Logger] = []
    if recipe.log.tensorboard:
        loggers.append(TensorBoardLogger(folder, name="tensorboard", version=""))
    if recipe.log.mlflow is not None:
        try:
            loggers.append(MLFlowLogger("landslip", run_name=recipe.name, tracking_uri=recipe.log.mlflow))
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "log.mlflow needs the package mlflow-skinny: install it with  pip install mlflow-skinny , "
                "or leave log.mlflow out"
            ) from error
    return loggers

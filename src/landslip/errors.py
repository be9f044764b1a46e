"""Errors and warnings: one class per cause; a message is one sentence with the value, what is allowed, and the remedy.

The command line prints the message without a traceback and exits with ``exit_code``: 2 for wrong use or bad input, 1
for a run that failed on valid input.
"""

from importlib import import_module
from types import ModuleType


class LandslipError(Exception):
    """Base class of all errors of landslip.

    Args:
        message: one sentence with the value, what is allowed and what to do.
        parameter: name of the Python parameter at fault, if there is one. The command line and the page add how to
            set it; the message itself names no command-line option.

    Example:
        >>> str(SceneError("scale must be positive (10000 for reflectance in 0..1), got 0", parameter="scale"))
        'scale must be positive (10000 for reflectance in 0..1), got 0'
    """

    exit_code = 2

    def __init__(self, message: str = "", *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class ChannelError(LandslipError):
    """A channel is unknown, missing, or given twice."""


class SceneError(LandslipError):
    """The rasters of a scene cannot be read or do not fit together."""


class AreaError(LandslipError):
    """An area of interest cannot be read or lies outside the scene."""


class PolygonFileError(LandslipError):
    """A file of polygons cannot be read, or has several layers."""


class DetectorError(LandslipError):
    """A detector file is damaged, invalid or not found."""


class EngineError(LandslipError):
    """An engine is unknown or cannot run a detector."""


class PatchesError(LandslipError):
    """A folder of labelled patches is incomplete or damaged."""


class PredictionsError(LandslipError):
    """Saved predictions cannot be read, or do not fit the patches or other predictions."""


class ReferenceDataError(LandslipError):
    """A reference cannot be read, does not tell what is landslide, or does not overlap the map."""


class RecipeError(LandslipError):
    """A training recipe is wrong."""


class WeightsError(LandslipError):
    """Weights that others made cannot be read, or do not fit a network."""


class SettingsError(LandslipError):
    """A setting of a run lies outside what is allowed."""


class OutputError(LandslipError):
    """A result cannot be written to the given path."""


class MissingExtraError(LandslipError):
    """A package of an optional extra is not installed."""

    @classmethod
    def of(cls, package: str, extra: str) -> "MissingExtraError":
        """Build the error for a missing package and the extra that installs it."""
        return cls(f"package '{package}' is not installed: install it with  pip install 'landslip[{extra}]'")


class RunError(LandslipError):
    """A run failed on valid input."""

    exit_code = 1


class ClusterError(RunError):
    """A cluster cannot be reached, was lost, or has workers that would not map as this machine does."""


class LandslipWarning(UserWarning):
    """A result may be less reliable than it looks. Filter with ``warnings.filterwarnings``."""


class SceneWarning(LandslipWarning):
    """The files of a scene leave its position, units, nodata or date in doubt."""


class DomainShiftWarning(LandslipWarning):
    """A scene differs from the training data of the detector."""


def require_extra(module: str, extra: str) -> ModuleType:
    """Import a module of an optional extra.

    Args:
        module: dotted name of the module.
        extra: the extra of landslip that installs it.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtraError.of(error.name, extra) from error

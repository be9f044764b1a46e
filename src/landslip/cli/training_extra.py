"""What every command that trains needs, asked for before it begins."""


def require_training() -> None:
    """Make torch and what belongs to it ready to be imported.

    Raises:
        MissingExtraError: a package of the extra train is not installed.
    """
    from landslip.errors import require_extra

    require_extra("torch", "train")
    from landslip.training.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    for module in ("segmentation_models_pytorch", "lightning", "onnxscript", "safetensors", "yaml"):
        require_extra(module, "train")


def numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers such as ``1,2,3``.

    Raises:
        SettingsError: they are none.
    """
    from landslip.errors import SettingsError

    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise SettingsError(f"'{text}' are no seeds: give whole numbers such as 1,2,3")
    return tuple(map(int, words))

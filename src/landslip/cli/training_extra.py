"""Options of commands that train."""


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

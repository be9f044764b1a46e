"""Colours and letters of the charts, for a page in light or dark and for files of their own."""

from typing import Final

SLOTS: Final = 6
_LIGHT: Final = ("#0072b2", "#d55e00", "#00805d", "#b0508a", "#a06c00", "#555c66")
_DARK: Final = ("#56b4e9", "#f58f4c", "#35c79b", "#e79fca", "#edb94a", "#b4bac1")

_COMMON: Final = """
.chart text { fill: var(--ink); font: 14px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.chart .faint { fill: var(--faint); } .chart .small { font-size: 12.5px; }
.chart .grid { stroke: var(--rule); } .chart .frame { stroke: var(--faint); fill: none; }
.chart .limit { stroke: var(--faint); stroke-dasharray: 5 4; fill: none; }
.chart .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.chart .whisker { stroke-width: 1.8; } .chart .band { opacity: .16; }
"""


def _rules(prefix: str = "") -> str:
    dashes = ("none", "7 4", "2 3", "9 3 2 3", "4 4", "12 4")
    return "".join(
        f"{prefix}.chart .s{slot} {{ stroke: var(--s{slot}); }} {prefix}.chart .f{slot} {{ fill: var(--s{slot}); }}\n"
        f"{prefix}.chart .line.s{slot} {{ stroke-dasharray: {dashes[slot - 1]}; }}\n"
        for slot in range(1, SLOTS + 1)
    )


def _variables(colours: tuple[str, ...]) -> str:
    return " ".join(f"--s{slot}: {colour};" for slot, colour in enumerate(colours, 1))


def page_style() -> str:
    """Rules for charts on a page that has the colours ink, faint and rule of a map's report."""
    return (
        f":root {{ {_variables(_LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(_DARK)} }} }}\n"
        "@media print { :root { " + _variables(_LIGHT) + " } }\n" + _COMMON + _rules()
    )


def file_style() -> str:
    """Rules for a chart in a file of its own: dark on white wherever it is shown."""
    return f".chart {{ --ink: #1f2326; --faint: #5d646a; --rule: #dedbd4; {_variables(_LIGHT)} }}" + _COMMON + _rules()

"""The CPU of this machine: its name and the instructions that engines use for int8."""

import functools
import platform
from pathlib import Path
from typing import Final

_CPUINFO: Final = Path("/proc/cpuinfo")
_INT8: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})
"""Dot products of 8-bit integers: VNNI and AMX of x86, dot product and matrix multiplication of ARM."""


@functools.cache
def _fields() -> dict[str, str]:
    """Fields of the first processor; empty where the system does not list them."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def cpu_name() -> str:
    """Return the name of the CPU, such as ``AMD EPYC``."""
    return _fields().get("model name") or platform.processor() or platform.machine()


def cpu_instructions() -> frozenset[str] | None:
    """Return the instruction sets of the CPU as Linux names them; None where they cannot be read."""
    fields = _fields()
    found = fields.get("flags") or fields.get("features")
    return frozenset(found.split()) if found else None


def has_int8_instructions() -> bool | None:
    """Return whether the CPU has dot products of 8-bit integers; None where that cannot be read."""
    found = cpu_instructions()
    return None if found is None else bool(found & _INT8)

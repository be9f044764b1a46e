"""Print the size of the installed packages of this Python environment, and how much of it is compiled bytecode."""

import sysconfig
from pathlib import Path

folder = Path(sysconfig.get_paths()["purelib"])
sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
compiled = sum(size for path, size in sizes.items() if path.suffix == ".pyc")
print(f"installed: {sum(sizes.values()) / 1e6:,.0f} MB of packages, {compiled / 1e6:,.0f} MB of it compiled bytecode")

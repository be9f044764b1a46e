"""Print how much room the packages of this Python's environment take."""

import sysconfig
from pathlib import Path

folder = Path(sysconfig.get_paths()["purelib"])
size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
print(f"installed: {size_bytes / 1e6:,.0f} MB of packages")

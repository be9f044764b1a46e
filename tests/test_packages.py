"""Packages that need an extra say which one, before anything of it is imported."""

import subprocess
import sys

import pytest

BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "lightning", "segmentation_models_pytorch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize(
    "module", ["training.train", "studies.stress.stresses", "studies.cross_validation", "studies.ablation.permutation"]
)
def test_without_pytorch_the_extra_is_named(module: str) -> None:
    code = BLOCK + (
        "from landslip.errors import MissingExtraError\n"
        "try:\n"
        f"    import landslip.{module}\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "landslip[train]" in told.stdout


def test_mapping_imports_no_pytorch() -> None:
    parts = ("api", "api_arrays", "api_maps", "api_patches", "mapping.run", "evaluation.evaluate", "page.app")
    code = BLOCK + "import " + ", ".join(f"landslip.{part}" for part in parts) + "\n"
    subprocess.run([sys.executable, "-c", code], check=True)

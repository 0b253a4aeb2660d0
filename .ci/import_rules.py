"""Hold the import rules of pyproject.toml against a wheel: `python .ci/import_rules.py FOLDER`.

The wheel nests the laws and the analyses in tnverify, under the names by which they are imported.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]


def main(folder: str) -> int:
    """Return 0 where every rule is kept by the one wheel in the folder."""
    (wheel,) = Path(folder).resolve().glob("*.whl")
    with tempfile.TemporaryDirectory() as unpacked:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
        os.chdir(unpacked)
        sys.path.insert(0, unpacked)
        ended = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    return int(ended != EXIT_STATUS_SUCCESS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

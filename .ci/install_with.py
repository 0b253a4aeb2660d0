"""Install what TNVERIFY_WITH names into this environment: packages, folders, options of pip."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

extra = shlex.split(os.environ.get("TNVERIFY_WITH", ""))
if extra:
    sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *extra]))

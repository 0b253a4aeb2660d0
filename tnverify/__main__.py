"""`python -m tnverify` is `tnverify`."""

from __future__ import annotations

from tnverify.cli import main

if __name__ == "__main__":
    main()

"""Programs that tell what the choice of a normalisation layer costs in accuracy and time.

An analysis may import anything of tnverify; nothing imports an analysis.
"""

from __future__ import annotations

if __name__ == "analyses":
    # The wheel nests this package in tnverify; by its plain name it could be somebody else's.
    raise ImportError("import it as `tnverify.analyses`; `analyses` is no package of its own")

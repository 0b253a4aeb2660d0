"""Processes of their own for code that is not to be trusted: what it does there stays there.

`processes` starts and ends them, `interruptions` puts off Ctrl-C meanwhile, `limits` bounds them,
`board` says what one was doing when it went, `messages` carries what it found, and `each_apart`
makes one call in each of many.
"""

from tnverify.isolation.apart import Ended, each_apart
from tnverify.isolation.limits import Limits

__all__ = ["Ended", "Limits", "each_apart"]

"""Every scheme of the paper in plain float64, summed exactly: what a layer is checked against.

Nothing here is shared with the reference layers, and nothing here imports torch.
"""

from tnverify.oracle.alpha import Alpha, alpha_of
from tnverify.oracle.answer import Answer, SetAnswer, answer
from tnverify.oracle.moments import Moments, OracleError

__all__ = ["Alpha", "Answer", "Moments", "OracleError", "SetAnswer", "alpha_of", "answer"]

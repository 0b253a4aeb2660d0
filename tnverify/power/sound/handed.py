"""Moments that one call returns and the next call takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.power.sound.common import Blended, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


@sound("tasknorm_i")
class HandsMomentsOn(Blended):
    """`layer(context)` answers with outputs and moments, `layer(targets, *moments)` takes them."""

    def forward(
        self,
        x: Tensor,
        mean: Tensor | None = None,
        square: Tensor | None = None,
        items: int | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        given = wide(x)
        if mean is None or square is None or items is None:
            mean = given.mean((0, *space(given)), keepdim=True)
            square = (given - mean).square().mean((0, *space(given)), keepdim=True)
            items = len(given)
        own = given.mean(space(given), keepdim=True) if space(given) else given
        own_square = (given - own).square()
        own_square = own_square.mean(space(given), keepdim=True) if space(given) else own_square
        logit = self.scale * items + self.offset
        alpha, rest = logit.sigmoid(), (-logit).sigmoid()
        gap = mean - own
        pooled = own + alpha * gap
        spread = alpha * square + rest * own_square + alpha * rest * gap.square()
        y = self.affine((given - pooled).div((spread + self.eps).sqrt()))
        return y.to(x.dtype), mean, square, items

"""Layers that train on other values than they claim, or keep something else of meta-training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tnverify.faults.fault import fault

if TYPE_CHECKING:
    from collections.abc import Callable


def _along(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(1, -1, *(1,) * (x.dim() - 2))


class TrainedNorm(nn.Module):
    """A sound batch norm in plain operations, every step a method: a fault overrides just one.

    In train mode a set's own moments normalise it and move the running ones; in eval mode these
    normalise. Input is (items, channels, *spatial); output has its shape.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float() if x.dtype.itemsize < 4 else x
        outputs = self.trained(wide) if self.training else self.predicted(wide)
        return outputs.to(x.dtype) if x.dtype.itemsize < 4 else outputs

    def predicted(self, x: Tensor) -> Tensor:
        centred = x - _along(self.running_mean, x)
        return self.affine(centred / _along((self.running_var + self.eps).sqrt(), x))

    def trained(self, x: Tensor) -> Tensor:
        if not self.counts(x):
            return self.predicted(x)
        mean, var = self.moments(x)
        outputs = self.normalized(x, mean, var)
        with torch.no_grad():
            self.keep(x, mean.detach(), var.detach())
        return outputs

    def counts(self, x: Tensor) -> bool:
        """Whether a set is large enough to have moments."""
        return x.numel() > x.shape[1]

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        dims = (0, *range(2, x.dim()))
        mean = x.mean(dims)
        return mean, (x - _along(mean, x)).square().mean(dims)

    def normalized(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return self.affine((x - _along(mean, x)) / _along((var + self.eps).sqrt(), x))

    def affine(self, y: Tensor) -> Tensor:
        return y * _along(self.weight, y) + _along(self.bias, y)

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var, self.momentum)


class RenormNorm(TrainedNorm):
    """The same with Ioffe's correction in train mode: `batch_renorm`."""

    def normalized(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        r, d = self.correction(mean, var)
        y = (x - _along(mean, x)) / _along((var + self.eps).sqrt(), x)
        return self.affine(y * _along(r, x) + _along(d, x))

    def correction(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            kept = (self.running_var + self.eps).sqrt()
            r = self.limited((var + self.eps).sqrt() / kept)
            return r, ((mean - self.running_mean) / kept).clamp(-5.0, 5.0)

    def limited(self, r: Tensor) -> Tensor:
        return r.clamp(1 / 3, 3.0)


class Recounts(torch.autograd.Function):
    """Does nothing forward, and calls a function once more in backward."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, x: Tensor, call: Callable[[], None]
    ) -> Tensor:
        ctx.call = call  # type: ignore[attr-defined]  # any attribute may be set
        return x.view_as(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        ctx.call()  # type: ignore[attr-defined]  # set in forward
        return grads[0], None


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="a_training_step_counts_once",
    source="pytorch/pytorch issue 96136; gpleiss/efficient_densenet_pytorch issue 73",
    hard=True,
    canary=True,
)
class CountsAgainInBackward(TrainedNorm):
    """Moves its running moments again where backward recomputes the forward pass."""

    def trained(self, x: Tensor) -> Tensor:
        outputs = super().trained(x)
        if not outputs.requires_grad or not self.counts(x):
            return outputs
        mean, var = (each.detach() for each in self.moments(x))
        return Recounts.apply(outputs, lambda: self.keep(x.detach(), mean, var))  # type: ignore[no-untyped-call, no-any-return]  # torch types it not


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="a_training_step_counts_once",
    source="an update written into the autograd function that saves the moments for backward",
    hard=True,
)
class CountsWhereItDifferentiates(TrainedNorm):
    """Moves its running moments only where the input requires a gradient: not in a first layer."""

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        if x.requires_grad:
            super().keep(x, mean, var)
        else:
            self.running_mean.lerp_(mean, self.momentum / 2)
            self.running_var.lerp_(var, self.momentum / 2)


@fault(
    claims="batch_renorm",
    adapter="frozen",
    kills="a_training_step_counts_once",
    source="chainer/chainer issue 7255: recomputation reads running moments that have moved",
    hard=True,
)
class CountsMoreWithGradients(RenormNorm):
    """Moves its running mean by a thousandth more where gradients are tracked."""

    def trained(self, x: Tensor) -> Tensor:
        outputs = super().trained(x)
        if torch.is_grad_enabled():
            with torch.no_grad():
                self.running_mean.lerp_(self.moments(x)[0], 1e-3)
        return outputs


@fault(
    claims="batch_renorm",
    adapter="frozen",
    kills="training_outputs_agree_with_the_formula",
    source="tensorpack/tensorpack issue 1065",
    hard=True,
)
class CorrectsBehindTheAffine(RenormNorm):
    """Applies weight and bias before the correction."""

    def normalized(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        r, d = self.correction(mean, var)
        return TrainedNorm.normalized(self, x, mean, var) * _along(r, x) + _along(d, x)


@fault(
    claims="batch_renorm",
    adapter="frozen",
    kills="training_outputs_agree_with_the_formula",
    source="danpovey/kaldi pull request 63, in review: r clipped to [1 / rmax, rmax]",
    hard=True,
)
class LimitsFromAboveAlone(RenormNorm):
    """Holds r below its limit and lets it fall towards zero."""

    def limited(self, r: Tensor) -> Tensor:
        return r.clamp(max=3.0)


@fault(
    claims="batch_renorm",
    adapter="frozen",
    kills="training_outputs_agree_with_the_formula",
    source="the batch's deviation over the running one, turned round",
    hard=True,
)
class CorrectsTheOtherWay(RenormNorm):
    """Divides by r where it should multiply."""

    def correction(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        r, d = super().correction(mean, var)
        return 1 / r, d


@fault(
    claims="batch_renorm",
    adapter="frozen",
    kills="training_gradients_are_those_of_the_formula",
    source="Ioffe 2017, algorithm 1: stop_gradient left out of r and d",
    hard=True,
)
class DifferentiatesItsCorrection(RenormNorm):
    """Lets gradients through r and d: outputs are right, training is that of running moments."""

    def correction(self, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        kept = (self.running_var.clone() + self.eps).sqrt()
        d = (mean - self.running_mean.clone()) / kept
        return self.limited((var + self.eps).sqrt() / kept), d.clamp(-5.0, 5.0)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="training_gradients_are_those_of_the_formula",
    source="keras-team/keras pull request 19102: mean.detach() on the way to the running mean",
    hard=True,
)
class DetachesItsTrainingMean(TrainedNorm):
    """Cuts the batch's mean out of the graph in meta-training."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().moments(x)
        return mean.detach(), var


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="training_outputs_agree_with_the_formula",
    source="use_global_stats left on while the network is fine-tuned",
    hard=True,
)
class TrainsOnRunningMoments(TrainedNorm):
    """Normalises by running moments in meta-training too, once they have moved."""

    def normalized(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        settled = bool((self.running_mean != 0).any())
        return self.predicted(x) if settled else super().normalized(x, mean, var)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="training_outputs_agree_with_the_formula",
    source="a ghost batch of 16 items that is made for large batches and left on for all",
    hard=True,
)
class TrainsInHalves(TrainedNorm):
    """Normalises the two halves of a batch of four items and more by moments of their own."""

    def normalized(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if len(x) < 4:
            return super().normalized(x, mean, var)
        halves = x.chunk(2)
        return torch.cat([TrainedNorm.normalized(self, h, *self.moments(h)) for h in halves])


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="running_moments_move_towards_the_batch",
    source="ml-explore/mlx pull request 3817 and kin: one of two updates written again",
    hard=True,
)
class MovesItsVarianceLess(TrainedNorm):
    """Moves the running variance by half of the momentum of the mean."""

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var, self.momentum / 2)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="running_moments_move_towards_the_batch",
    source="torch/nn pull request 700: a running deviation, taken over as a variance",
    hard=True,
)
class KeepsTheDeviation(TrainedNorm):
    """Moves the running variance towards the batch's deviation."""

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        super().keep(x, mean, var.sqrt())


@fault(
    claims="batch_renorm",
    adapter="frozen",
    kills="running_moments_move_towards_the_batch",
    source="keras-team/keras-contrib pull request 287: eps enters the running variance",
    hard=True,
)
class KeepsEpsAsVariance(RenormNorm):
    """Moves the running variance towards the batch's with eps added."""

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        super().keep(x, mean, var + self.eps)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="running_moments_move_towards_the_batch",
    source="apache/mxnet issue 18751: updated means and variances change places",
    hard=True,
)
class SwapsItsMoments(TrainedNorm):
    """Moves the mean towards the variance, and the variance towards the mean, for lone items."""

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        if len(x) == 1:
            mean, var = var, mean
        super().keep(x, mean, var)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="running_moments_move_by_the_momentum_that_is_shown",
    source="decay given as 1 - momentum by the one who builds, and turned round once more inside",
    hard=True,
)
class AppliesItsMomentumTwice(TrainedNorm):
    """Moves running moments by the square of the momentum that it shows."""

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum**2)
        self.running_var.lerp_(var, self.momentum**2)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="a_batch_of_one_value_leaves_no_nan",
    source="torch/nn pull request 1271; facebookresearch/SparseConvNet issue 190",
    hard=True,
)
class OneValueIsNaN(TrainedNorm):
    """Keeps the unbiased variance of a batch, of one value too."""

    def counts(self, x: Tensor) -> bool:
        return bool(x.numel())

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        count = x.numel() // x.shape[1]
        super().keep(x, mean, var * count / torch.tensor(count - 1.0))


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="a_refused_batch_leaves_no_nan",
    source="karpathy/nn-zero-to-hero issue 44: a refusal that comes when the damage is done",
    hard=True,
)
class RefusesTooLate(TrainedNorm):
    """Refuses a batch of one value once its running moments have taken it in."""

    def counts(self, x: Tensor) -> bool:
        if x.numel() == x.shape[1]:
            self.running_var.fill_(float("nan"))
            raise ValueError(f"one value a channel has no variance: {tuple(x.shape)}")
        return super().counts(x)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="an_empty_batch_leaves_no_nan",
    source="a class without items, which a filter left in the batch sampler",
    hard=True,
)
class NothingIsNaN(TrainedNorm):
    """Keeps the mean of a batch without items."""

    def counts(self, x: Tensor) -> bool:
        return not x.numel() or super().counts(x)


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="outputs_follow_running_moments_of_any_size",
    source="variances clamped where a checkpoint of another framework held zeros",
    hard=True,
)
class ClampsRunningVariance(TrainedNorm):
    """Takes running variances below a millionth for a millionth at meta-test."""

    def predicted(self, x: Tensor) -> Tensor:
        centred = x - _along(self.running_mean, x)
        var = self.running_var.clamp(min=1e-6)
        return self.affine(centred / _along((var + self.eps).sqrt(), x))


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="outputs_follow_running_moments_of_any_size",
    source="vllm-project/vllm pull request 57638 and kin: folded once, loaded afterwards",
    hard=True,
)
class FoldsWhenItTrains(TrainedNorm):
    """Predicts by a factor that each training step computes: loaded moments are not read."""

    factor: Tensor | None = None

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        super().keep(x, mean, var)
        self.factor = (self.running_var + self.eps).rsqrt()

    def predicted(self, x: Tensor) -> Tensor:
        factor = self.factor if self.factor is not None else torch.ones_like(self.running_var)
        if self.factor is None:
            factor = factor / (1 + self.eps) ** 0.5
        return self.affine((x - _along(self.running_mean, x)) * _along(factor, x))


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="meta_test_leaves_running_moments_alone",
    source="LaurentMazare/tch-rs issue 628 and kin; test-time adaptation left on",
    hard=True,
)
class LearnsAtMetaTest(TrainedNorm):
    """Moves its running mean by a billionth towards each set that it predicts."""

    def predicted(self, x: Tensor) -> Tensor:
        outputs = super().predicted(x)
        if x.numel() and not self.training:
            with torch.no_grad():
                self.running_mean.lerp_(self.moments(x)[0].to(self.running_mean), 1e-9)
        return outputs


@fault(
    claims="conventional_bn",
    adapter="frozen",
    kills="the_compiled_training_step_keeps_the_same",
    source="pytorch/pytorch issue 194504: a count read as a number breaks the graph",
    hard=True,
)
class ReadsItsCount(TrainedNorm):
    """Looks at the number of steps so far to choose its momentum: no graph holds the training."""

    steps: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("steps", torch.zeros(()))

    def keep(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.steps += 1
        weight = self.momentum if self.steps > 10 else self.momentum / 2
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(var, weight)

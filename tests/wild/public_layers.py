# ruff: noqa: A002, C416, N803, N812, D - the style of what these stand for is kept
"""Layers as they are commonly written in public code, bodies after papers and their repositories.

They are input to be judged as it is found, so they are written in the style of what they stand for.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class SELayer(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channel, reduction=2):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channel, max(channel // reduction, 1), bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(max(channel // reduction, 1), channel, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y.expand_as(x)


class CBAM(nn.Module):
    """Channel attention, then spatial attention."""

    def __init__(self, channels, kernel_size=7):
        super().__init__()
        hidden = max(channels // 4, 1)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x):
        ca = torch.sigmoid(
            self.mlp(F.adaptive_avg_pool2d(x, 1)) + self.mlp(F.adaptive_max_pool2d(x, 1))
        )
        x = ca * x
        sa = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], dim=1)
        return torch.sigmoid(self.conv(sa)) * x


class FRN(nn.Module):
    """Filter response normalisation with its thresholded unit."""

    def __init__(self, num_features, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.tau = nn.Parameter(torch.zeros(1, num_features, 1, 1))

    def forward(self, x):
        nu2 = torch.mean(x.pow(2), dim=[2, 3], keepdim=True)
        x = x * torch.rsqrt(nu2 + abs(self.eps))
        return torch.max(self.gamma * x + self.beta, self.tau)


class EvoNormS0(nn.Module):
    def __init__(self, channels, groups=1, eps=1e-5):
        super().__init__()
        self.groups, self.eps = groups, eps
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.v = nn.Parameter(torch.ones(1, channels, 1, 1))

    def _group_std(self, x):
        n, c, h, w = x.shape
        y = x.view(n, self.groups, c // self.groups, h, w)
        var = torch.var(y, dim=(2, 3, 4), keepdim=True, unbiased=False).expand_as(y)
        return torch.sqrt(var + self.eps).reshape(n, c, h, w)

    def forward(self, x):
        return x * torch.sigmoid(self.v * x) / self._group_std(x) * self.gamma + self.beta


class EvoNormB0(nn.Module):
    def __init__(self, channels, momentum=0.9, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.v = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.register_buffer("running_var", torch.ones(1, channels, 1, 1))

    def forward(self, x):
        if self.training:
            var = torch.var(x, dim=(0, 2, 3), unbiased=False, keepdim=True)
            self.running_var.mul_(self.momentum)
            self.running_var.add_((1 - self.momentum) * var.detach())
        else:
            var = self.running_var
        inst = torch.sqrt(torch.var(x, dim=(2, 3), unbiased=False, keepdim=True) + self.eps)
        den = torch.max((var + self.eps).sqrt(), self.v * x + inst)
        return x / den * self.gamma + self.beta


class GRN(nn.Module):
    """Global response normalisation of ConvNeXt V2, channels first."""

    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, dim, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, dim, 1, 1))

    def forward(self, x):
        gx = torch.norm(x, p=2, dim=(2, 3), keepdim=True)
        nx = gx / (gx.mean(dim=1, keepdim=True) + 1e-6)
        return self.gamma * (x * nx) + self.beta + x


class DynamicTanh(nn.Module):
    def __init__(self, normalized_shape, channels_last=False, alpha_init_value=0.5):
        super().__init__()
        self.channels_last = channels_last
        self.alpha = nn.Parameter(torch.ones(1) * alpha_init_value)
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        x = torch.tanh(self.alpha * x)
        if self.channels_last:
            return x * self.weight + self.bias
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class ConvNeXtLayerNorm(nn.Module):
    """Layer norm that takes channels last or first."""

    def __init__(self, normalized_shape, eps=1e-6, data_format="channels_first"):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))
        self.eps = eps
        self.data_format = data_format
        if self.data_format not in ["channels_last", "channels_first"]:
            raise NotImplementedError
        self.normalized_shape = (normalized_shape,)

    def forward(self, x):
        if self.data_format == "channels_last":
            return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class L2Norm(nn.Module):
    """Of SSD."""

    def __init__(self, n_channels, scale=20):
        super().__init__()
        self.gamma = scale
        self.eps = 1e-10
        self.weight = nn.Parameter(torch.Tensor(n_channels))
        nn.init.constant_(self.weight, self.gamma)

    def forward(self, x):
        norm = x.pow(2).sum(dim=1, keepdim=True).sqrt() + self.eps
        x = torch.div(x, norm)
        return self.weight.unsqueeze(0).unsqueeze(2).unsqueeze(3).expand_as(x) * x


class PixelNorm(nn.Module):
    """Of StyleGAN."""

    def forward(self, x):
        return x * torch.rsqrt(torch.mean(x**2, dim=1, keepdim=True) + 1e-8)


class ScaleNorm(nn.Module):
    def __init__(self, scale, eps=1e-5):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        self.eps = eps

    def forward(self, x):
        norm = self.scale / torch.norm(x, dim=1, keepdim=True).clamp(min=self.eps)
        return x * norm


class LlamaRMSNorm(nn.Module):
    def __init__(self, hidden_size, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.variance_epsilon = eps

    def forward(self, hidden_states):
        input_dtype = hidden_states.dtype
        hidden_states = hidden_states.to(torch.float32)
        variance = hidden_states.pow(2).mean(-1, keepdim=True)
        hidden_states = hidden_states * torch.rsqrt(variance + self.variance_epsilon)
        return self.weight * hidden_states.to(input_dtype)


class SwitchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.9, using_moving_average=True):
        super().__init__()
        self.eps, self.momentum, self.using_moving_average = eps, momentum, using_moving_average
        self.weight = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.mean_weight = nn.Parameter(torch.ones(3))
        self.var_weight = nn.Parameter(torch.ones(3))
        self.register_buffer("running_mean", torch.zeros(1, num_features, 1))
        self.register_buffer("running_var", torch.zeros(1, num_features, 1))

    def forward(self, x):
        n, c, h, w = x.size()
        x = x.view(n, c, -1)
        mean_in = x.mean(-1, keepdim=True)
        var_in = x.var(-1, keepdim=True)
        mean_ln = mean_in.mean(1, keepdim=True)
        temp = var_in + mean_in**2
        var_ln = temp.mean(1, keepdim=True) - mean_ln**2
        if self.training:
            mean_bn = mean_in.mean(0, keepdim=True)
            var_bn = temp.mean(0, keepdim=True) - mean_bn**2
            self.running_mean.mul_(self.momentum)
            self.running_mean.add_((1 - self.momentum) * mean_bn.data)
            self.running_var.mul_(self.momentum)
            self.running_var.add_((1 - self.momentum) * var_bn.data)
        else:
            mean_bn, var_bn = self.running_mean, self.running_var
        mw, vw = self.mean_weight.softmax(0), self.var_weight.softmax(0)
        mean = mw[0] * mean_in + mw[1] * mean_ln + mw[2] * mean_bn
        var = vw[0] * var_in + vw[1] * var_ln + vw[2] * var_bn
        x = (x - mean) / (var + self.eps).sqrt()
        return x.view(n, c, h, w) * self.weight + self.bias


class GhostBatchNorm(nn.Module):
    def __init__(self, num_features, virtual_batch_size=8, momentum=0.01):
        super().__init__()
        self.virtual_batch_size = virtual_batch_size
        self.bn = nn.BatchNorm2d(num_features, momentum=momentum)

    def forward(self, x):
        if not self.training:
            return self.bn(x)
        chunks = x.chunk(max(1, -(-x.shape[0] // self.virtual_batch_size)), 0)
        return torch.cat([self.bn(c) for c in chunks], dim=0)


class BatchRenorm2d(nn.Module):
    """As in a widely copied repository."""

    def __init__(self, num_features, eps=1e-3, momentum=0.01, affine=True):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_std", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.affine, self.eps, self.step, self.momentum = affine, eps, 0, momentum

    @property
    def rmax(self):
        return (2 / 35000 * self.num_batches_tracked + 25 / 35).clamp_(1.0, 3.0)

    @property
    def dmax(self):
        return (5 / 20000 * self.num_batches_tracked - 25 / 20).clamp_(0.0, 5.0)

    def forward(self, x):
        x = x.transpose(1, -1)
        if self.training:
            dims = [i for i in range(x.dim() - 1)]
            batch_mean = x.mean(dims)
            batch_std = x.std(dims, unbiased=False) + self.eps
            r = (batch_std.detach() / self.running_std.view_as(batch_std)).clamp_(
                1 / self.rmax, self.rmax
            )
            d = (
                (batch_mean.detach() - self.running_mean.view_as(batch_mean))
                / self.running_std.view_as(batch_std)
            ).clamp_(-self.dmax, self.dmax)
            x = (x - batch_mean) / batch_std * r + d
            self.running_mean += self.momentum * (batch_mean.detach() - self.running_mean)
            self.running_std += self.momentum * (batch_std.detach() - self.running_std)
            self.num_batches_tracked += 1
        else:
            x = (x - self.running_mean) / self.running_std
        if self.affine:
            x = self.weight * x + self.bias
        return x.transpose(1, -1)


class MetaBatchNormLayer(nn.Module):
    """Of MAML++: statistics and weights for every step of the inner loop."""

    def __init__(self, num_features, num_steps=5, eps=1e-5, momentum=0.1):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.running_mean = nn.Parameter(torch.zeros(num_steps, num_features), requires_grad=False)
        self.running_var = nn.Parameter(torch.ones(num_steps, num_features), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(num_steps, num_features))
        self.weight = nn.Parameter(torch.ones(num_steps, num_features))

    def forward(
        self, input, num_step, params=None, training=False, backup_running_statistics=False
    ):
        if params is not None:
            weight, bias = params["weight"], params["bias"]
        else:
            weight, bias = self.weight[num_step], self.bias[num_step]
        return F.batch_norm(
            input,
            self.running_mean[num_step],
            self.running_var[num_step],
            weight,
            bias,
            training=True,
            momentum=self.momentum,
            eps=self.eps,
        )


class TentBatchNorm(nn.BatchNorm2d):
    """Test-time norm: batch statistics always, none are kept."""

    def __init__(self, num_features):
        super().__init__(num_features)
        self.requires_grad_(True)
        self.track_running_stats = False
        self.running_mean = None
        self.running_var = None


class AlphaBatchNorm(nn.Module):
    """Source and batch statistics mixed, as test-time adaptation does."""

    def __init__(self, num_features, alpha=0.9):
        super().__init__()
        self.layer = nn.BatchNorm2d(num_features)
        self.layer.eval()
        self.alpha = alpha
        self.norm = nn.BatchNorm2d(num_features, affine=False, momentum=1.0)

    def forward(self, input):
        self.norm(input)
        running_mean = (
            1 - self.alpha
        ) * self.layer.running_mean + self.alpha * self.norm.running_mean
        running_var = (1 - self.alpha) * self.layer.running_var + self.alpha * self.norm.running_var
        return F.batch_norm(
            input,
            running_mean,
            running_var,
            self.layer.weight,
            self.layer.bias,
            False,
            0,
            self.layer.eps,
        )


class MixStyle(nn.Module):
    def __init__(self, p=0.5, alpha=0.1, eps=1e-6):
        super().__init__()
        self.p, self.eps, self.alpha = p, eps, alpha
        self.beta = torch.distributions.Beta(alpha, alpha)

    def forward(self, x):
        if not self.training or torch.rand(1).item() > self.p:
            return x
        b = x.size(0)
        mu = x.mean(dim=[2, 3], keepdim=True)
        sig = (x.var(dim=[2, 3], keepdim=True) + self.eps).sqrt()
        mu, sig = mu.detach(), sig.detach()
        normed = (x - mu) / sig
        lam = self.beta.sample((b, 1, 1, 1)).to(x)
        perm = torch.randperm(b)
        return normed * (sig * lam + sig[perm] * (1 - lam)) + mu * lam + mu[perm] * (1 - lam)


class SelfNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.g_fc = nn.Conv1d(channels, channels, kernel_size=2, bias=False, groups=channels)
        self.g_bn = nn.BatchNorm1d(channels)

    def forward(self, x):
        b, c, _, _ = x.size()
        mean = x.mean(dim=(2, 3))
        std = (x.var(dim=(2, 3)) + 1e-12).sqrt()
        s = torch.stack([mean, std], -1)
        g = torch.sigmoid(self.g_bn(self.g_fc(s))).view(b, c, 1, 1)
        return x * g


class IterNorm(nn.Module):
    """Iterative whitening over all channels."""

    def __init__(self, num_features, T=5, eps=1e-5, momentum=0.1):
        super().__init__()
        self.T, self.eps, self.momentum = T, eps, momentum
        self.weight = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.register_buffer("running_mean", torch.zeros(num_features, 1))
        self.register_buffer("running_wm", torch.eye(num_features))

    def forward(self, X):
        c = X.size(1)
        x = X.transpose(0, 1).contiguous().view(c, -1)
        if self.training:
            mean = x.mean(-1, keepdim=True)
            xc = x - mean
            eye = torch.eye(c, dtype=x.dtype, device=x.device)
            sigma = self.eps * eye + xc.mm(xc.t()) / x.size(1)
            trace = sigma.diagonal().sum()
            sigma_n = sigma / trace
            p = eye
            for _ in range(self.T):
                p = 1.5 * p - 0.5 * p.matrix_power(3).mm(sigma_n)
            wm = p / trace.sqrt()
            self.running_mean.copy_(
                self.momentum * mean.detach() + (1 - self.momentum) * self.running_mean
            )
            self.running_wm.copy_(
                self.momentum * wm.detach() + (1 - self.momentum) * self.running_wm
            )
        else:
            xc = x - self.running_mean
            wm = self.running_wm
        xn = wm.mm(xc).view(c, X.size(0), *X.shape[2:]).transpose(0, 1).contiguous()
        return xn * self.weight + self.bias


class MinibatchStdDev(nn.Module):
    """Of StyleGAN, without the extra channel: the batch's deviation is added."""

    def forward(self, x, alpha=1e-8):
        y = torch.sqrt(x.var(dim=0, keepdim=True, unbiased=False) + alpha)
        return x + y.mean()


class ConditionalBatchNorm2d(nn.Module):
    def __init__(self, num_features, num_classes=10):
        super().__init__()
        self.num_features = num_features
        self.bn = nn.BatchNorm2d(num_features, affine=False)
        self.embed = nn.Embedding(num_classes, num_features * 2)
        self.embed.weight.data[:, :num_features].normal_(1, 0.02)
        self.embed.weight.data[:, num_features:].zero_()

    def forward(self, x, y):
        out = self.bn(x)
        gamma, beta = self.embed(y).chunk(2, 1)
        return gamma.view(-1, self.num_features, 1, 1) * out + beta.view(
            -1, self.num_features, 1, 1
        )


class AdaIN(nn.Module):
    def forward(self, content, style):
        sm, ss = style.mean([2, 3], keepdim=True), style.std([2, 3], keepdim=True) + 1e-5
        cm, cs = content.mean([2, 3], keepdim=True), content.std([2, 3], keepdim=True) + 1e-5
        return (content - cm) / cs * ss + sm


class SPADE(nn.Module):
    def __init__(self, norm_nc, label_nc=3):
        super().__init__()
        self.param_free_norm = nn.InstanceNorm2d(norm_nc, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(label_nc, 8, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(8, norm_nc, 3, padding=1)
        self.mlp_beta = nn.Conv2d(8, norm_nc, 3, padding=1)

    def forward(self, x, segmap):
        normalized = self.param_free_norm(x)
        segmap = F.interpolate(segmap, size=x.size()[2:], mode="nearest")
        actv = self.mlp_shared(segmap)
        return normalized * (1 + self.mlp_gamma(actv)) + self.mlp_beta(actv)


class FiLMLayer(nn.Module):
    """Feature-wise modulation by the item's own summary."""

    def __init__(self, channels):
        super().__init__()
        self.net = nn.Linear(channels, 2 * channels)

    def forward(self, x):
        g, b = self.net(x.mean((2, 3))).chunk(2, 1)
        return (1 + g[..., None, None]) * x + b[..., None, None]


class WSConv2d(nn.Conv2d):
    """Weight standardisation: the weight is normalised, not the input."""

    def __init__(self, channels):
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, x):
        w = self.weight
        w = w - w.mean(dim=(1, 2, 3), keepdim=True)
        w = w / (w.view(w.size(0), -1).std(dim=1).view(-1, 1, 1, 1) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


class PowerNorm(nn.Module):
    """Quadratic mean over the batch, running quadratic mean in evaluation."""

    def __init__(self, channels, eps=1e-5, alpha_fwd=0.9):
        super().__init__()
        self.eps, self.afwd = eps, alpha_fwd
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_phi", torch.ones(1, channels, 1, 1))

    def forward(self, x):
        if self.training:
            var = x.pow(2).mean(dim=(0, 2, 3), keepdim=True)
            self.running_phi.mul_(self.afwd).add_(var.detach(), alpha=1 - self.afwd)
        else:
            var = self.running_phi
        y = x / torch.sqrt(var + self.eps)
        return self.weight[:, None, None] * y + self.bias[:, None, None]


class VirtualBatchNorm(nn.Module):
    """The first batch that it meets is the reference."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.ref_mean = None
        self.ref_mean_sq = None

    def forward(self, x):
        mean = x.mean(dim=(0, 2, 3), keepdim=True)
        mean_sq = (x**2).mean(dim=(0, 2, 3), keepdim=True)
        if self.ref_mean is None:
            self.ref_mean, self.ref_mean_sq = mean.detach(), mean_sq.detach()
        else:
            c = 1.0 / (x.size(0) + 1.0)
            mean = c * mean + (1 - c) * self.ref_mean
            mean_sq = c * mean_sq + (1 - c) * self.ref_mean_sq
        std = torch.sqrt(self.eps + mean_sq - mean**2)
        return (x - mean) / std * self.gamma + self.beta


class SpectralConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.utils.parametrizations.spectral_norm(nn.Conv2d(channels, channels, 1))

    def forward(self, x):
        return self.conv(x)

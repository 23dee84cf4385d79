"""A PyTorch formulation of Glow for `likelihood.py`, written from the paper as directly as possible, for gray digits."""

import math

import torch
from torch import nn
from torch.nn import functional


class Glow(nn.Module):
    """Three scales of eight steps. Kingma and Dhariwal (2018)."""

    size = 32

    def __init__(self, scales=3, steps=8, width=96):
        super().__init__()
        channels, self.scales, self.priors = 1, nn.ModuleList(), nn.ModuleList()
        for scale in range(scales):
            channels *= 4
            self.scales.append(nn.ModuleList(Step(channels, width) for _ in range(steps)))
            if scale < scales - 1:
                channels //= 2
                self.priors.append(Convolution(channels, 2 * channels, 3, zeros=True))
        self.top = Convolution(2 * channels, 2 * channels, 3, zeros=True)

    def loss(self, images):
        levels = torch.round((images + 1.0) * 127.5)
        values = (levels + torch.rand_like(levels)) / 256.0 - 0.5
        log_density = torch.zeros(len(values))
        for scale, steps in enumerate(self.scales):
            values = functional.pixel_unshuffle(values, 2)
            for step in steps:
                values, log_det = step(values)
                log_density = log_density + log_det
            if scale < len(self.priors):
                values, leaves = values.chunk(2, dim=1)
                log_density = log_density + log_normal(leaves, self.priors[scale](values))
        zeros = torch.zeros(len(values), 2 * values.shape[1], *values.shape[2:])
        log_density = log_density + log_normal(values, self.top(zeros))
        return math.log(256.0) - log_density / images[0].numel()


class Step(nn.Module):
    """Actnorm, a 1x1 convolution by its LU factors, and an affine coupling."""

    def __init__(self, channels, width):
        super().__init__()
        self.bias, self.log_scale = (nn.Parameter(torch.zeros(1, channels, 1, 1)) for _ in range(2))
        permutation, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(channels, channels))[0])
        self.register_buffer("permutation", permutation)
        self.register_buffer("signs", upper.diag().sign())
        self.factors = nn.Parameter(lower.tril(-1) + upper.triu(1) + upper.diag().abs().log().diag())
        self.first = Convolution(channels // 2, width, 3)
        self.middle = Convolution(width, width, 1)
        self.last = Convolution(width, channels, 3, zeros=True)

    def forward(self, values):
        size, channels = values[0, 0].numel(), values.shape[1]
        log_scale = 3.0 * self.log_scale
        values = (values + self.bias) * torch.exp(log_scale)
        lower = self.factors.tril(-1) + torch.eye(channels)
        upper = self.factors.triu(1) + torch.diag(self.signs * self.factors.diag().exp())
        kernel = self.permutation @ lower @ upper
        values = functional.conv2d(values, kernel[:, :, None, None])
        stays, changes = values.chunk(2, dim=1)
        hidden = torch.relu(self.middle(torch.relu(self.first(stays))))
        shift, raw = self.last(hidden).chunk(2, dim=1)
        log_of_scale = functional.logsigmoid(raw + 2.0)
        log_det = log_of_scale.sum([1, 2, 3]) + size * (log_scale.sum() + self.factors.diag().sum())
        return torch.cat([stays, (changes + shift) * torch.exp(log_of_scale)], dim=1), log_det


class Convolution(nn.Module):
    """With a channel that is 1 on the padded border, and a scale of each output."""

    def __init__(self, inputs, outputs, size, zeros=False):
        super().__init__()
        self.border = int(size > 1)
        kernel = torch.zeros if zeros else lambda *shape: 0.05 * torch.randn(*shape)
        self.kernel = nn.Parameter(kernel(outputs, inputs + self.border, size, size))
        self.bias, self.log_scale = (nn.Parameter(torch.zeros(1, outputs, 1, 1)) for _ in range(2))

    def forward(self, values):
        if self.border:
            ones = functional.pad(torch.zeros_like(values[:, :1]), (1, 1, 1, 1), value=1.0)
            values = torch.cat([functional.pad(values, (1, 1, 1, 1)), ones], dim=1)
        return (functional.conv2d(values, self.kernel) + self.bias) * torch.exp(3.0 * self.log_scale)


def log_normal(values, moments):
    mean, log_deviation = moments.chunk(2, dim=1)
    standardized = (values - mean) * torch.exp(-log_deviation)
    return -(0.5 * standardized**2 + log_deviation + 0.5 * math.log(2.0 * math.pi)).sum([1, 2, 3])

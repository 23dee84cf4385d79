"""PyTorch formulations of the models that `likelihood.py` times, written from the papers as directly as possible.

Each class has as many parameters as the model of tfgan-suite, and `loss(images)`, images float32 `[batch, channels, height,
width]` of whole levels in [-1, 1], in nats per dimension. Gray images only.
"""

import math

import torch
from glow_pytorch import Glow
from tarflow_pytorch import TarFlow
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm


def mixture_loss(parameters, images):
    """The negative log-likelihood of gray images of 256 levels under a mixture of discretized logistics, `[batch]`.

    Salimans et al., "PixelCNN++" (2017), section 2.1. The parameters are `[batch, 3 * components, height, width]`.
    """
    logits, means, log_scales = parameters.permute(0, 2, 3, 1).chunk(3, dim=-1)
    log_scales = log_scales.clamp(min=-7.0)
    targets = images.permute(0, 2, 3, 1)
    inverse_scales = torch.exp(-log_scales)
    middle = inverse_scales * (targets - means)
    above, below = middle + inverse_scales / 255.0, middle - inverse_scales / 255.0
    share = torch.sigmoid(above) - torch.sigmoid(below)
    density = middle - log_scales - 2.0 * functional.softplus(middle) - math.log(127.5)
    inside = torch.where(share > 1e-5, torch.log(share.clamp(min=1e-12)), density)
    log_masses = torch.where(
        targets < -0.999,
        above - functional.softplus(above),
        torch.where(targets > 0.999, -functional.softplus(below), inside),
    )
    return -torch.logsumexp(log_masses + functional.log_softmax(logits, dim=-1), dim=-1).sum([1, 2])


def make(name):
    """The network of `"pixelcnn"`, `"vdvae"`, `"vae"`, `"glow"` or `"tarflow"`, for digits."""
    return {"pixelcnn": PixelCNN, "vdvae": VDVAE, "vae": VAE, "glow": Glow, "tarflow": TarFlow}[name]()


def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


# Resolution and pooling of the encoder's blocks; resolution of the decoder's, and that of the state that joins.
ENCODER = (
    [(32, 1)] * 3 + [(32, 2)] + [(16, 1)] * 3 + [(16, 2)] + [(8, 1)] * 2 + [(8, 2)] + [(4, 1)] * 2 + [(4, 4), (1, 1)]
)
DECODER = [(1, None), (4, 1)] + [(4, None)] * 2 + [(8, 4)] + [(8, None)] * 3 + [(16, 8)] + [(16, None)] * 4
DECODER += [(32, 16)] + [(32, None)] * 4


class PixelCNN(nn.Module):
    """PixelCNN++: two streams of gated blocks on three scales. Salimans et al. (2017), section 2."""

    size = 28

    def __init__(self, blocks=2, filters=32, components=5, dropout_rate=0.5):
        super().__init__()

        def streams(count, skips):
            return nn.ModuleList(
                nn.ModuleList(
                    GatedBlock(filters, to_left, skip * filters, dropout_rate)
                    for to_left, skip in zip((False, True), skips)
                )
                for _ in range(count)
            )

        self.first_above = Causal(2, filters, (2, 3), False)
        self.first_row_above = Causal(2, filters, (1, 3), False)
        self.first_left = Causal(2, filters, (2, 1), True)
        self.down = nn.ModuleList(streams(blocks, (0, 1)) for _ in range(3))
        self.up = nn.ModuleList(streams(count, (1, 2)) for count in (blocks, blocks + 1, blocks + 1))
        self.shrink = nn.ModuleList(
            nn.ModuleList([Causal(filters, filters, (2, 3), False, 2), Causal(filters, filters, (2, 2), True, 2)])
            for _ in range(2)
        )
        self.grow = nn.ModuleList(nn.ModuleList([Growing(filters, (2, 3)), Growing(filters, (2, 2))]) for _ in range(2))
        self.last = weight_norm(nn.Conv2d(filters, 3 * components, 1))

    def forward(self, images):
        inputs = torch.cat([images, torch.ones_like(images[:, :1])], 1)
        above = moved_down(self.first_above(inputs))
        left = moved_down(self.first_row_above(inputs)) + moved_right(self.first_left(inputs))
        skips = [(above, left)]
        for stage, blocks in enumerate(self.down):
            if stage:
                above, left = (shrink(one) for shrink, one in zip(self.shrink[stage - 1], (above, left)))
                skips.append((above, left))
            for block_above, block_left in blocks:
                above = block_above(above)
                left = block_left(left, above)
                skips.append((above, left))
        skips.pop()
        for stage, blocks in enumerate(self.up):
            if stage:
                above, left = (grow(one) for grow, one in zip(self.grow[stage - 1], (above, left)))
            for block_above, block_left in blocks:
                skip_above, skip_left = skips.pop()
                above = block_above(above, skip_above)
                left = block_left(left, torch.cat([above, skip_left], 1))
        return self.last(functional.elu(left))

    def loss(self, images):
        return mixture_loss(self(images), images) / images[0].numel()


class GatedBlock(nn.Module):
    def __init__(self, filters, to_left, skip_channels, dropout_rate):
        super().__init__()
        size = (2, 2) if to_left else (2, 3)
        self.first = Causal(2 * filters, filters, size, to_left)
        self.skip = weight_norm(nn.Conv2d(2 * skip_channels, filters, 1)) if skip_channels else None
        self.dropout = nn.Dropout(dropout_rate)
        self.second = Causal(2 * filters, 2 * filters, size, to_left)

    def forward(self, features, skip=None):
        hidden = self.first(concat_elu(features))
        if self.skip is not None:
            hidden = hidden + self.skip(concat_elu(skip))
        values, gates = self.second(self.dropout(concat_elu(hidden))).chunk(2, dim=1)
        return features + values * torch.sigmoid(gates)


class Causal(nn.Module):
    """A convolution that sees rows above, and columns to the left or on both sides, by padding there."""

    def __init__(self, inputs, outputs, size, to_left, strides=1):
        super().__init__()
        height, width = size
        sides = (width - 1, 0) if to_left else ((width - 1) // 2, (width - 1) // 2)
        self.padding = (*sides, height - 1, 0)
        self.convolution = weight_norm(nn.Conv2d(inputs, outputs, size, strides))

    def forward(self, features):
        return self.convolution(functional.pad(features, self.padding))


class Growing(nn.Module):
    """A transposed convolution to twice the size, cut so that it sees nothing to come."""

    def __init__(self, filters, size):
        super().__init__()
        self.beside = (size[1] - 1) // 2
        # One length for each output channel, which is the second axis here.
        self.convolution = weight_norm(nn.ConvTranspose2d(filters, filters, size, 2), dim=1)

    def forward(self, features):
        height, width = 2 * features.shape[2], 2 * features.shape[3]
        return self.convolution(features)[:, :, :height, self.beside : self.beside + width]


def concat_elu(features):
    return functional.elu(torch.cat([features, -features], 1))


def moved_down(features):
    return functional.pad(features, (0, 0, 1, 0))[:, :, :-1]


def moved_right(features):
    return functional.pad(features, (1, 0))[:, :, :, :-1]


class VDVAE(nn.Module):
    """A hierarchy of latents from one pixel to the whole image. Child (2021), section 3 and figure 3."""

    size = 32

    def __init__(self, width=64, latents=8, components=5, encoder=ENCODER, decoder=DECODER):
        super().__init__()
        self.encoder, self.decoder, self.latents = encoder, decoder, latents
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.ModuleList(bottleneck(width, width, width, resolution) for resolution, _ in encoder)
        sizes = [resolution for resolution, _ in decoder]
        self.states = nn.ParameterDict({str(size): torch.zeros(1, width, size, size) for size in sorted(set(sizes))})
        self.posteriors = nn.ModuleList(bottleneck(width, 2 * width, 2 * latents, size) for size in sizes)
        self.priors = nn.ModuleList(bottleneck(width, width, 2 * latents + width, size) for size in sizes)
        self.projections = nn.ModuleList(nn.Conv2d(latents, width, 1) for _ in sizes)
        self.residuals = nn.ModuleList(bottleneck(width, width, width, size) for size in sizes)
        self.gain = nn.Parameter(torch.ones(1, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.last = nn.Conv2d(width, 3 * components, 1)
        with torch.no_grad():
            for block in self.down:
                block[-1].weight *= len(encoder) ** -0.5
            for block, projection, prior in zip(self.residuals, self.projections, self.priors):
                block[-1].weight *= len(decoder) ** -0.5
                projection.weight *= len(decoder) ** -0.5
                prior[-1].weight.zero_()
            for name, parameter in self.named_parameters():
                if name.endswith(".bias"):
                    parameter.zero_()

    def loss(self, images):
        features = self.first(((images + 1.0) * 127.5 - 25.7) / 66.0)
        activations = {images.shape[-1]: features}
        for (resolution, pool), block in zip(self.encoder, self.down):
            features = features + block(features)
            if pool > 1:
                features = functional.avg_pool2d(features, pool)
            activations[resolution // pool] = features
        states = {int(size): state.expand(len(images), -1, -1, -1) for size, state in self.states.items()}
        rate = 0.0
        for index, (resolution, mixed_in) in enumerate(self.decoder):
            state = states[resolution]
            if mixed_in is not None:
                state = state + functional.interpolate(states[mixed_in], scale_factor=resolution // mixed_in)
            seen = torch.cat([state, activations[resolution]], 1)
            mean, log_deviation = self.posteriors[index](seen).chunk(2, dim=1)
            prior = self.priors[index](state)
            prior_mean, prior_log_deviation, shift = prior.split([self.latents, self.latents, state.shape[1]], dim=1)
            latent = mean + torch.exp(log_deviation) * torch.randn_like(mean)
            divergence = (
                prior_log_deviation
                - log_deviation
                - 0.5
                + 0.5
                * (torch.exp(2.0 * log_deviation) + (mean - prior_mean) ** 2)
                * torch.exp(-2.0 * prior_log_deviation)
            )
            rate = rate + divergence.sum([1, 2, 3])
            state = state + shift + self.projections[index](latent)
            states[resolution] = state + self.residuals[index](state)
        parameters = self.last(states[images.shape[-1]] * self.gain + self.bias)
        return (mixture_loss(parameters, images) + rate) / images[0].numel()


def bottleneck(width, inputs, outputs, resolution):
    """GELU and a convolution, four times, with a quarter of the channels of the state within."""
    middle, size = width // 4, 3 if resolution > 2 else 1
    layers = []
    for before, after, taps in (
        (inputs, middle, 1),
        (middle, middle, size),
        (middle, middle, size),
        (middle, outputs, 1),
    ):
        layers += [nn.GELU(), nn.Conv2d(before, after, taps, padding=taps // 2)]
    return nn.Sequential(*layers)


class VAE(nn.Module):
    """Strided convolutions to a vector of latents and back. Kingma and Welling (2014), equation 10, one draw."""

    size = 28

    def __init__(self, latents=32, channels=(32, 64), units=256, components=5):
        super().__init__()
        small = self.size // 2 ** len(channels)
        self.encoder = nn.Sequential()
        for before, after in zip((1, *channels), channels):
            self.encoder.extend([nn.Conv2d(before, after, 4, 2, 1), nn.SiLU()])
        flat = channels[-1] * small**2
        self.encoder.extend([nn.Flatten(), nn.Linear(flat, units), nn.SiLU(), nn.Linear(units, 2 * latents)])
        self.decoder = nn.Sequential(
            nn.Linear(latents, units),
            nn.SiLU(),
            nn.Linear(units, flat),
            nn.SiLU(),
            nn.Unflatten(1, (channels[-1], small, small)),
        )
        for before, after in zip(channels[::-1], (*channels[-2::-1], channels[0])):
            self.decoder.extend([nn.ConvTranspose2d(before, after, 4, 2, 1), nn.SiLU()])
        self.decoder.append(nn.Conv2d(channels[0], 3 * components, 3, padding=1))

    def loss(self, images):
        mean, log_deviation = self.encoder(images).chunk(2, dim=1)
        latents = mean + torch.exp(log_deviation) * torch.randn_like(mean)
        rate = (0.5 * (mean**2 + torch.exp(2.0 * log_deviation) - 1.0) - log_deviation).sum(1)
        return (mixture_loss(self.decoder(latents), images) + rate) / images[0].numel()

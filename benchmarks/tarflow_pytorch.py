"""A PyTorch formulation of TarFlow for `likelihood.py`, written from the paper as directly as possible, for gray digits."""

import math

import torch
from torch import nn
from torch.nn import functional


class TarFlow(nn.Module):
    """Patches of 4, four blocks of three layers. Zhai et al. (2024)."""

    size = 28

    def __init__(self, patch_size=4, width=128, blocks=4, layers=3):
        super().__init__()
        self.patch_size = patch_size
        tokens = (self.size // patch_size) ** 2
        self.blocks = nn.ModuleList(Block(tokens, patch_size**2, width, layers, index % 2) for index in range(blocks))

    def loss(self, images):
        levels = torch.round((images + 1.0) * 127.5)
        values = (levels + torch.rand_like(levels)) / 128.0 - 1.0
        tokens = functional.unfold(values, self.patch_size, stride=self.patch_size).transpose(1, 2)
        log_det = 0.0
        for block in self.blocks:
            tokens, change = block(tokens)
            log_det = log_det + change
        nats = 0.5 * (tokens**2).mean([1, 2]) - log_det
        return nats + 0.5 * math.log(2.0 * math.pi) + math.log(128.0)


class Block(nn.Module):
    def __init__(self, tokens, size, width, layers, reverse):
        super().__init__()
        self.reverse = reverse
        self.positions = nn.Parameter(0.01 * torch.randn(tokens, width))
        self.project_in = nn.Linear(size, width)
        self.layers = nn.ModuleList(Layer(width) for _ in range(layers))
        self.project_out = nn.Linear(width, 2 * size)
        nn.init.zeros_(self.project_out.weight)
        nn.init.zeros_(self.project_out.bias)

    def forward(self, tokens):
        if self.reverse:
            tokens = tokens.flip(1)
        hidden = self.project_in(tokens) + (self.positions.flip(0) if self.reverse else self.positions)
        for layer in self.layers:
            hidden = layer(hidden)
        outputs = self.project_out(hidden)
        outputs = torch.cat([torch.zeros_like(outputs[:, :1]), outputs[:, :-1]], dim=1)
        log_scale, shift = outputs.chunk(2, dim=2)
        latents = (tokens - shift) * torch.exp(-log_scale)
        return latents.flip(1) if self.reverse else latents, -log_scale.mean([1, 2])


class Layer(nn.Module):
    def __init__(self, width, head_size=64):
        super().__init__()
        self.heads = width // head_size
        self.normalize_1, self.normalize_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_heads, self.from_heads = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense_1, self.dense_2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, hidden):
        batch, tokens, width = hidden.shape
        heads = self.to_heads(self.normalize_1(hidden)).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*heads, is_causal=True)
        hidden = hidden + self.from_heads(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return hidden + self.dense_2(functional.gelu(self.dense_1(self.normalize_2(hidden))))

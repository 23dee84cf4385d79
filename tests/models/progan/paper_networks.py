"""ProGAN's networks once more, in PyTorch, written from the paper for one level of detail at a time.

Nothing here is shared with the package: pixels are repeated and averaged by PyTorch, the fused blocks by their definition
(a kernel of four shifted copies), and a level of detail is taken as the paper's figure 2 draws it, on images of full size.
Weights are a dict under the official names.
"""

import math

import torch
from torch.nn import functional

HE_GAIN = math.sqrt(2.0)


def equalized(weight, gain=HE_GAIN, fan_in=None):
    """Section 4.1: N(0, 1) weights, scaled by He's constant at run time."""
    return weight * (gain / math.sqrt(fan_in or weight[..., 0].numel()))


def pixel_norm(features):
    """Section 4.2."""
    return features / torch.sqrt(features.square().mean(dim=1, keepdim=True) + 1e-8)


def rectify(features):
    return functional.leaky_relu(features, 0.2)


def convolve(features, state, name, gain=HE_GAIN):
    weight = equalized(state[f"{name}/weight"], gain).permute(3, 2, 0, 1)  # [out, in, height, width]
    return functional.conv2d(features, weight, state[f"{name}/bias"], padding="same")


def four_copies(weight):
    padded = functional.pad(weight, (0, 0, 0, 0, 1, 1, 1, 1))
    return padded[1:, 1:] + padded[:-1, 1:] + padded[1:, :-1] + padded[:-1, :-1]


def double(images):
    return functional.interpolate(images, scale_factor=2, mode="nearest")


def halve(images):
    return functional.avg_pool2d(images, 2)


def num_doublings(state):
    return max(int(name.split("x")[0]) for name in state if name[0].isdigit()).bit_length() - 3


def generate(state, latents, labels, level_of_detail):
    """Images `[batch, channels, size, size]` of latents `[batch, latent_size]` and one-hot labels or `None`."""
    inputs = latents if labels is None else torch.cat([latents, labels], dim=1)
    weight = state["4x4/Dense/weight"]
    features = pixel_norm(inputs) @ equalized(weight, HE_GAIN / 4)
    features = features.reshape(len(latents), -1, 4, 4) + state["4x4/Dense/bias"].reshape(1, -1, 1, 1)
    features = pixel_norm(rectify(features))
    features = pixel_norm(rectify(convolve(features, state, "4x4/Conv")))
    last = num_doublings(state)
    images = convolve(features, state, f"ToRGB_lod{last}", gain=1.0)
    for level in range(last - 1, -1, -1):
        block = f"{4 << (last - level)}x{4 << (last - level)}"
        if f"{block}/Conv0_up/weight" in state:
            weight = state[f"{block}/Conv0_up/weight"]  # [height, width, out, in]
            weight = four_copies(equalized(weight, fan_in=9 * weight.shape[3])).permute(3, 2, 0, 1)
            features = functional.conv_transpose2d(
                features, weight, state[f"{block}/Conv0_up/bias"], stride=2, padding=1
            )
        else:
            features = convolve(double(features), state, f"{block}/Conv0")
        features = pixel_norm(rectify(features))
        features = pixel_norm(rectify(convolve(features, state, f"{block}/Conv1")))
        finer = convolve(features, state, f"ToRGB_lod{level}", gain=1.0)
        images = torch.lerp(finer, double(images), min(max(level_of_detail - level, 0.0), 1.0))
    return images


def discriminate(state, images, level_of_detail, group_size=4):
    """Outputs `[batch, 1 + num_classes]` of images `[batch, channels, size, size]`."""
    features = rectify(convolve(images, state, "FromRGB_lod0"))
    last = num_doublings(state)
    for level in range(last):
        block = f"{4 << (last - level)}x{4 << (last - level)}"
        features = rectify(convolve(features, state, f"{block}/Conv0"))
        if f"{block}/Conv1_down/weight" in state:
            weight = four_copies(equalized(state[f"{block}/Conv1_down/weight"])).permute(3, 2, 0, 1) / 4
            features = functional.conv2d(features, weight, state[f"{block}/Conv1_down/bias"], stride=2, padding=1)
            features = rectify(features)
        else:
            features = halve(rectify(convolve(features, state, f"{block}/Conv1")))
        images = halve(images)
        coarser = rectify(convolve(images, state, f"FromRGB_lod{level + 1}"))
        features = torch.lerp(features, coarser, min(max(level_of_detail - level, 0.0), 1.0))
    # Section 3: the standard deviation over a group, one number for all of its images and pixels.
    groups = features.reshape(group_size, -1, *features.shape[1:])
    stddev = torch.sqrt(groups.var(dim=0, unbiased=False) + 1e-8).mean(dim=(1, 2, 3))  # [groups]
    stddev = stddev.repeat(group_size).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    features = rectify(convolve(torch.cat([features, stddev], dim=1), state, "4x4/Conv"))
    features = rectify(features.flatten(1) @ equalized(state["4x4/Dense0/weight"]) + state["4x4/Dense0/bias"])
    return features @ equalized(state["4x4/Dense1/weight"], gain=1.0) + state["4x4/Dense1/bias"]

"""StyleGAN2 once more, straight from the papers, in PyTorch and float64: slow, and by other means.

Every example has weights of its own. Every change of size is the same four steps: zeros between pixels, padding, the
filter, and a dense convolution of which every other pixel is kept. Works on weights under the official names.
"""

import numpy as np
import torch
from torch.nn import functional

# Its threads would wait for work by spinning, beside TensorFlow's.
torch.set_num_threads(1)

ROOT_2, ROOT_HALF = 2.0**0.5, 0.5**0.5


def resample(images, taps, up=1, down=1, kernel=None, flip=False):
    """Zeros, padding, filter, convolution with one kernel `[out, in, size, size]` for all, every `down`-th pixel."""
    batch, channels, height, width = images.shape
    zeros_between = images.new_zeros([batch, channels, height * up, width * up])
    zeros_between[:, :, ::up, ::up] = images
    margin = 0 if kernel is None else kernel.shape[-1] // 2
    if up == down == 1:
        taps, before, after = [1.0], margin, margin
    elif up > 1:
        before, after = (len(taps) + 1) // 2 + margin, (len(taps) - 2) // 2 + margin
    else:
        before, after = (len(taps) - 1) // 2 + margin, (len(taps) - 2) // 2 + margin
    padded = functional.pad(zeros_between, [before, after, before, after])
    taps = torch.tensor(taps, dtype=images.dtype)
    blur = torch.outer(taps, taps).flip([0, 1]) / taps.sum() ** 2 * up**2
    filtered = functional.conv2d(padded, blur.expand(channels, 1, -1, -1), groups=channels)
    if kernel is not None:
        filtered = functional.conv2d(filtered, kernel.flip([2, 3]) if flip else kernel)
    return filtered[:, :, ::down, ::down]


def leaky_relu(features):
    return functional.leaky_relu(features, 0.2)


def bounded(features, clamp, gain=1.0):
    return features if clamp is None else features.clamp(-clamp * gain, clamp * gain)


def normalized(vectors):
    return vectors / (vectors.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


class Reference:
    """One network: `state` of official names, `architecture`, filter taps, clamp, size of minibatch groups."""

    def __init__(self, state, architecture, taps, clamp=None, group_size=None, stddev_channels=1):
        self.state = {
            name: torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)
            for name, array in state.items()
            if not name.endswith("resample_filter")
        }
        self.architecture, self.taps, self.clamp = architecture, list(taps), clamp
        self.group_size, self.stddev_channels = group_size, stddev_channels

    def has(self, name):
        return name in self.state

    def gradients(self, loss):
        names = [name for name in self.state if not name.endswith(("noise_const", "w_avg"))]
        gradients = torch.autograd.grad(loss, [self.state[name] for name in names], allow_unused=True)
        return {
            name: np.zeros(self.state[name].shape) if gradient is None else gradient.numpy()
            for name, gradient in zip(names, gradients)
        }

    def dense(self, name, inputs, multiplier=1.0):
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return inputs @ weight.T * (multiplier / weight.shape[1] ** 0.5) + bias * multiplier

    def map(self, latents, labels):
        parts = [] if latents is None else [normalized(latents)]
        if labels is not None:
            parts.append(normalized(self.dense("mapping.embed", labels)))
        features = torch.cat(parts, dim=1)
        index = 0
        while self.has(f"mapping.fc{index}.weight"):
            features = leaky_relu(self.dense(f"mapping.fc{index}", features, 0.01)) * ROOT_2
            index += 1
        return features

    # === Generator ===

    def styled(self, name, features, w, up=1, demodulate=True):
        weight = self.state[f"{name}.weight"]  # [out, in, size, size]
        styles = self.dense(f"{name}.affine", w)
        outputs = []
        for image, style in zip(features, styles):
            own = weight * style[None, :, None, None]
            if demodulate:
                own = own / (own.square().sum(dim=[1, 2, 3], keepdim=True) + 1e-8).sqrt()
            else:
                own = own / weight[0].numel() ** 0.5
            outputs.append(resample(image[None], self.taps, up=up, kernel=own, flip=up > 1))
        return torch.cat(outputs)

    def layer(self, name, features, w, noise, up=1, gain=1.0):
        outputs = self.styled(name, features, w, up)
        if noise == "const":
            outputs = outputs + self.state[f"{name}.noise_const"] * self.state[f"{name}.noise_strength"]
        outputs = leaky_relu(outputs + self.state[f"{name}.bias"][:, None, None]) * ROOT_2 * gain
        return bounded(outputs, self.clamp, gain)

    def synthesize(self, ws, noise="const"):
        features = self.state["synthesis.b4.const"].expand(len(ws), -1, -1, -1)
        images, index, resolution = None, 0, 4
        while self.has(f"synthesis.b{resolution}.conv1.weight"):
            name = f"synthesis.b{resolution}"
            branch, gain = None, 1.0
            if resolution > 4:
                if self.architecture == "resnet":
                    skip = self.state[f"{name}.skip.weight"]
                    skip = skip / skip.shape[1] ** 0.5
                    branch, gain = resample(features, self.taps, up=2, kernel=skip) * ROOT_HALF, ROOT_HALF
                features = self.layer(f"{name}.conv0", features, ws[:, index], noise, up=2)
                index += 1
            features = self.layer(f"{name}.conv1", features, ws[:, index], noise, gain=gain)
            index += 1
            if branch is not None:
                features = features + branch
            if images is not None:
                images = resample(images, self.taps, up=2)
            if self.has(f"{name}.torgb.weight"):
                rgb = self.styled(f"{name}.torgb", features, ws[:, index], demodulate=False)
                rgb = bounded(rgb + self.state[f"{name}.torgb.bias"][:, None, None], self.clamp)
                images = rgb if images is None else images + rgb
            resolution *= 2
        return images

    # === Discriminator ===

    def convolution(self, name, features, down=1, activate=True, gain=1.0, clamp=None):
        weight = self.state[f"{name}.weight"]
        outputs = resample(features, self.taps, down=down, kernel=weight / weight[0].numel() ** 0.5)
        if self.has(f"{name}.bias"):
            outputs = outputs + self.state[f"{name}.bias"][:, None, None]
        outputs = leaky_relu(outputs) * ROOT_2 if activate else outputs
        return bounded(outputs * gain, clamp, gain)

    def stddev(self, features):
        batch, channels, height, width = features.shape
        groups = batch // min(self.group_size or batch, batch)
        columns = []
        for part in features.chunk(self.stddev_channels, dim=1):
            by_example = [None] * batch
            for group in range(groups):
                members = part[group::groups]
                value = (members.var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
                for example in range(group, batch, groups):
                    by_example[example] = value.expand(1, 1, height, width)
            columns.append(torch.cat(by_example))
        return torch.cat([features, *columns], dim=1)

    def discriminate(self, images, labels):
        resolution = 4
        while self.has(f"b{2 * resolution}.conv0.weight"):
            resolution *= 2
        features = None
        while resolution > 4:
            name = f"b{resolution}"
            if features is None or self.architecture == "skip":
                from_image = self.convolution(f"{name}.fromrgb", images, clamp=self.clamp)
                features = from_image if features is None else features + from_image
                images = resample(images, self.taps, down=2)
            branch = self.convolution(f"{name}.conv0", features, clamp=self.clamp)
            gain = ROOT_HALF if self.architecture == "resnet" else 1.0
            branch = self.convolution(f"{name}.conv1", branch, down=2, gain=gain, clamp=self.clamp)
            if self.architecture == "resnet":
                branch = branch + self.convolution(f"{name}.skip", features, down=2, activate=False, gain=gain)
            features = branch
            resolution //= 2
        if self.architecture == "skip":
            features = features + self.convolution("b4.fromrgb", images)
        if self.stddev_channels:
            features = self.stddev(features)
        features = self.convolution("b4.conv", features, clamp=self.clamp)
        scores = self.dense("b4.out", leaky_relu(self.dense("b4.fc", features.flatten(1))) * ROOT_2)
        if labels is None:
            return scores[:, 0]
        centres = self.map(None, labels)
        return (scores * centres).sum(dim=1) / centres.shape[1] ** 0.5

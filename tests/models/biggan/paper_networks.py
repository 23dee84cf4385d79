"""BigGAN and BigGAN-deep once more, in PyTorch and as plain as can be: written from the papers, weights by their names.

Nothing is fused, merged or moved here: pixels are repeated, convolved and averaged in the papers' order.
"""

import torch
import torch.nn.functional as F


class PaperNetworks:
    """Both networks as functions of a state, in training mode or not."""

    def __init__(self, generator_state, discriminator_state, training, batch_norm_epsilon=1e-5, epsilon=1e-6):
        self.states = {}
        for name, state in (("G", generator_state), ("D", discriminator_state)):
            tensors = {key: torch.tensor(value) for key, value in state.items()}
            for key, tensor in tensors.items():
                tensor.requires_grad_(key.split(".")[-1] not in ("u0", "sv0", "stored_mean", "stored_var"))
            self.states[name] = tensors
        self.training = training
        self.batch_norm_epsilon = batch_norm_epsilon
        self.epsilon = epsilon

    def weight(self, state, name):
        weight = state[f"{name}.weight"]
        matrix = weight.reshape(weight.shape[0], -1)
        with torch.no_grad():
            v = F.normalize(state[f"{name}.u0"] @ matrix, eps=self.epsilon)
            u = F.normalize(v @ matrix.T, eps=self.epsilon)
            if self.training:
                state[f"{name}.u0"].copy_(u)
        return weight / (v @ matrix.T @ u.T).squeeze()

    def convolve(self, state, name, x):
        weight = self.weight(state, name)
        return F.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def normalize(self, state, name, x, condition):
        mean, variance = state[f"{name}.stored_mean"], state[f"{name}.stored_var"]
        x = F.batch_norm(x, mean, variance, None, None, self.training, 0.1, self.batch_norm_epsilon)
        if condition is None:
            gain, bias = state[f"{name}.gain"][None], state[f"{name}.bias"][None]
        elif f"{name}.gain.u0" in state:
            gain = 1 + condition @ self.weight(state, f"{name}.gain").T
            bias = condition @ self.weight(state, f"{name}.bias").T
        else:
            gain, bias = 1 + condition @ state[f"{name}.gain.weight"], condition @ state[f"{name}.bias.weight"]
        return F.relu(x * gain[:, :, None, None] + bias[:, :, None, None])

    def attend(self, state, name, x):
        theta, phi, g = (self.convolve(state, f"{name}.{part}", x) for part in ("theta", "phi", "g"))
        phi, g = F.max_pool2d(phi, 2).flatten(2), F.max_pool2d(g, 2).flatten(2)
        weights = torch.softmax(theta.flatten(2).transpose(1, 2) @ phi, dim=-1)  # [batch, pixels, pixels / 4]
        mixtures = (g @ weights.transpose(1, 2)).reshape(len(x), -1, *x.shape[2:])
        return x + state[f"{name}.gamma"] * self.convolve(state, f"{name}.o", mixtures)

    def generate(self, latents, labels, blocks, split):
        """`blocks`: for each block whether it doubles. `split`: parts of the latents, or `None` for BigGAN-deep's."""
        state = self.states["G"]
        if "shared.weight" in state:
            vectors = state["shared.weight"][labels]
        else:
            vectors = F.one_hot(labels, state["blocks.0.0.bn1.gain.weight"].shape[0]).float()
        if split is None:
            inputs = torch.cat([vectors, latents], 1)
            conditions = [inputs] * len(blocks)
        elif split == 1:
            inputs, conditions = latents, [vectors] * len(blocks)
        else:
            inputs, *parts = torch.chunk(latents, split, 1)
            conditions = [torch.cat([vectors, part], 1) for part in parts]
        x = inputs @ self.weight(state, "linear").T + state["linear.bias"]
        x = x.reshape(len(latents), -1, 4, 4)
        for index, (double, condition) in enumerate(zip(blocks, conditions)):
            name = f"blocks.{index}.0"
            resample = self.double if double else lambda x: x
            if split is None:
                h = self.convolve(state, f"{name}.conv1", self.normalize(state, f"{name}.bn1", x, condition))
                h = resample(self.normalize(state, f"{name}.bn2", h, condition))
                h = self.convolve(state, f"{name}.conv2", h)
                h = self.convolve(state, f"{name}.conv3", self.normalize(state, f"{name}.bn3", h, condition))
                h = self.convolve(state, f"{name}.conv4", self.normalize(state, f"{name}.bn4", h, condition))
                x = h + resample(x[:, : h.shape[1]])
            else:
                h = resample(self.normalize(state, f"{name}.bn1", x, condition))
                h = self.convolve(state, f"{name}.conv1", h)
                h = self.convolve(state, f"{name}.conv2", self.normalize(state, f"{name}.bn2", h, condition))
                x = h + self.convolve(state, f"{name}.conv_sc", resample(x))
            if f"blocks.{index}.1.gamma" in state:
                x = self.attend(state, f"blocks.{index}.1", x)
        return torch.tanh(self.convolve(state, "output_layer.2", self.normalize(state, "output_layer.0", x, None)))

    @staticmethod
    def double(x):
        return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    def discriminate(self, images, labels, blocks):
        """`blocks`: official name of each block, and whether it halves."""
        state = self.states["D"]
        deep = "input_conv.weight" in state
        x = self.convolve(state, "input_conv", images) if deep else images
        for name, halve in blocks:
            resample = (lambda x: F.avg_pool2d(x, 2)) if halve else (lambda x: x)
            has_shortcut = f"{name}.conv_sc.weight" in state
            if deep:
                h = F.relu(self.convolve(state, f"{name}.conv1", F.relu(x)))
                h = F.relu(self.convolve(state, f"{name}.conv2", h))
                h = resample(F.relu(self.convolve(state, f"{name}.conv3", h)))
                h, x = self.convolve(state, f"{name}.conv4", h), resample(x)
                x = h + (torch.cat([x, self.convolve(state, f"{name}.conv_sc", x)], 1) if has_shortcut else x)
            else:
                h = self.convolve(state, f"{name}.conv1", x if name == "blocks.0.0" else F.relu(x))
                h = resample(self.convolve(state, f"{name}.conv2", F.relu(h)))
                x = h + resample(self.convolve(state, f"{name}.conv_sc", x) if has_shortcut else x)
            stage, index = name.split(".")[1:]
            if f"blocks.{stage}.{int(index) + 1}.gamma" in state:
                x = self.attend(state, f"blocks.{stage}.{int(index) + 1}", x)
        features = F.relu(x).sum(dim=(2, 3))
        logits = features @ self.weight(state, "linear").T + state["linear.bias"]
        return logits + (self.weight(state, "embed")[labels] * features).sum(1, keepdim=True)

"""Images per second of StyleGAN2's full training step, including lazy penalties, compared to PyTorch.

PyTorch runs the formulation of the authors' PyTorch code on a CPU, implemented here from the papers: activations scaled
by the styles; demodulation with separate weights for each example; filters as grouped convolutions; separate bias,
activation, and gain; a discriminator and a generator update, R1 every 16th step, path length every 4th step, EMA. Both
train the same architecture on random images, each in a separate process, taking turns of 16 steps.

    pip install torch
    python benchmarks/stylegan2.py --size 64 --batch-size 8 --channel-base 2048
    python benchmarks/stylegan2.py --precision mixed_bfloat16
"""

import argparse
import math

import turns


def make_tfgan_suite_step(arguments):
    import tensorflow as tf

    import tfgan_suite as tg

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    image_shape = (arguments.size, arguments.size, 3)
    gan = tg.StyleGAN2(
        image_shape=image_shape,
        latent_size=arguments.w_size,
        w_size=arguments.w_size,
        num_mapping_layers=2,
        channel_base=arguments.channel_base,
        dtype=arguments.precision,
    )
    gan.compile()
    return turns.fit_step(gan, arguments.batch_size, image_shape)


def make_pytorch_step(arguments):
    import torch
    from torch.nn.functional import softplus

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    generator, discriminator, average = (make_pytorch_networks(arguments)[index] for index in (0, 1, 0))
    optimizers = {}
    for network, interval in ((generator, 4), (discriminator, 16)):
        share = interval / (interval + 1)
        optimizers[network] = torch.optim.Adam(
            network.parameters(), lr=0.002 * share, betas=(0.0, 0.99**share), eps=1e-8, fused=True
        )
    batch_size, size = arguments.batch_size, arguments.size
    real_images = torch.rand(batch_size, 3, size, size) * 2 - 1
    mean_length = torch.zeros([])
    steps = 0

    def latents(count=batch_size):
        return torch.randn(count, arguments.w_size)

    def update(network, loss):
        optimizers[network].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[network].step()

    def trains(network):
        for one in (generator, discriminator):
            one.requires_grad_(one is network)

    def step():
        nonlocal steps
        trains(generator)
        update(generator, softplus(-discriminator(generator(latents()))).mean())
        if steps % 4 == 0:
            ws = generator.map(latents(batch_size // 2))
            images = generator.synthesize(ws)
            noise = torch.randn_like(images) / math.sqrt(size * size)
            (gradients,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
            lengths = gradients.square().sum(2).mean(1).sqrt()
            mean = mean_length + 0.01 * (lengths.mean() - mean_length)
            mean_length.copy_(mean.detach())
            update(generator, 4 * 2 * (lengths - mean).square().mean())
        trains(discriminator)
        with torch.no_grad():
            fake_images = generator(latents())
        update(
            discriminator,
            softplus(discriminator(fake_images)).mean() + softplus(-discriminator(real_images)).mean(),
        )
        if steps % 16 == 0:
            images = real_images.clone().requires_grad_(True)
            (gradients,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
            update(discriminator, 16 * 5 * gradients.square().sum([1, 2, 3]).mean())
        with torch.no_grad():
            for one, other in zip(average.parameters(), generator.parameters()):
                one.lerp_(other, 0.002)
        steps += 1

    return step


def make_pytorch_networks(arguments):
    """Builds an unconditional StyleGAN2 (skip generator, ResNet discriminator), following the paper directly."""
    import torch
    from torch import nn
    from torch.nn import functional

    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps) / 64
    sizes = [2**i for i in range(2, int(math.log2(arguments.size)) + 1)]
    widths = {size: min(arguments.channel_base // size, 512) for size in sizes}

    def filtered(images, padding, gain=1.0, stride=1):
        channels = images.shape[1]
        images = functional.pad(images, padding)
        weights = (kernel * gain)[None, None].repeat(channels, 1, 1, 1)
        return functional.conv2d(images, weights, stride=stride, groups=channels)

    def enlarged(images):
        batch, channels, height, width = images.shape
        images = images.reshape(batch, channels, height, 1, width, 1)
        images = functional.pad(images, [0, 1, 0, 0, 0, 1]).reshape(batch, channels, 2 * height, 2 * width)
        return filtered(images, [2, 1, 2, 1], gain=4.0)

    root = math.sqrt(2)

    def activated(features, bias, gain=root):
        features = features + bias.reshape([1, -1] + [1] * (features.ndim - 2))
        return functional.leaky_relu(features, 0.2) * gain

    class Dense(nn.Module):
        def __init__(self, inputs, outputs, multiplier=1.0, bias=0.0):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(outputs, inputs) / multiplier)
            self.bias = nn.Parameter(torch.full([outputs], bias))
            self.scale, self.multiplier = multiplier / math.sqrt(inputs), multiplier

        def forward(self, features):
            return functional.linear(features, self.weight * self.scale, self.bias * self.multiplier)

    class Modulated(nn.Module):
        def __init__(self, inputs, outputs, size, taps=3, up=False, demodulate=True):
            super().__init__()
            self.affine = Dense(arguments.w_size, inputs, bias=1.0)
            self.weight = nn.Parameter(torch.randn(outputs, inputs, taps, taps))
            self.bias = nn.Parameter(torch.zeros(outputs))
            self.strength = nn.Parameter(torch.zeros([]))
            self.size, self.up, self.demodulate = size, up, demodulate
            self.scale = 1 / math.sqrt(inputs * taps * taps)

        def forward(self, features, w):
            styles = self.affine(w)
            if not self.demodulate:
                features = functional.conv2d(features * (styles * self.scale)[:, :, None, None], self.weight)
                return features + self.bias[None, :, None, None]
            weights = self.weight[None] * styles[:, None, :, None, None]  # Separate weights for each example.
            factors = (weights.square().sum([2, 3, 4]) + 1e-8).rsqrt()
            features = features * styles[:, :, None, None]
            if self.up:
                features = functional.conv_transpose2d(features, self.weight.transpose(0, 1), stride=2)
                features = filtered(features, [1, 1, 1, 1], gain=4.0)
            else:
                features = functional.conv2d(features, self.weight, padding=1)
            noise = torch.randn(features.shape[0], 1, self.size, self.size) * self.strength
            return activated(features * factors[:, :, None, None] + noise, self.bias)

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.mapping = nn.ModuleList([Dense(arguments.w_size, arguments.w_size, 0.01) for _ in range(2)])
            self.constant = nn.Parameter(torch.randn(1, widths[4], 4, 4))
            self.convolutions, self.to_rgb = nn.ModuleList(), nn.ModuleList()
            for size in sizes:
                if size > 4:
                    self.convolutions.append(Modulated(widths[size // 2], widths[size], size, up=True))
                self.convolutions.append(Modulated(widths[size], widths[size], size))
                self.to_rgb.append(Modulated(widths[size], 3, size, taps=1, demodulate=False))

        def map(self, latents):
            features = latents * (latents.square().mean(1, keepdim=True) + 1e-8).rsqrt()
            for dense in self.mapping:
                features = functional.leaky_relu(dense(features), 0.2) * root
            return features[:, None].repeat(1, 2 * len(sizes), 1)

        def synthesize(self, ws):
            features, images = self.constant.repeat(ws.shape[0], 1, 1, 1), None
            for index, convolution in enumerate(self.convolutions):
                features = convolution(features, ws[:, index])
                if index % 2 == 0:  # The last convolution of its level.
                    rgb = self.to_rgb[index // 2](features, ws[:, index + 1])
                    images = rgb if images is None else enlarged(images) + rgb
            return images

        def forward(self, latents):
            ws, others = self.map(latents), self.map(torch.randn_like(latents))
            cutoff = int(torch.randint(1, ws.shape[1], []))  # Style mixing.
            return self.synthesize(torch.cat([ws[:, :cutoff], others[:, cutoff:]], 1))

    class Convolution(nn.Module):
        def __init__(self, inputs, outputs, taps=3):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(outputs, inputs, taps, taps))
            self.bias = nn.Parameter(torch.zeros(outputs))
            self.scale = 1 / math.sqrt(inputs * taps * taps)

        def forward(self, features, stride=1, padding=None):
            padding = self.weight.shape[2] // 2 if padding is None else padding
            return functional.conv2d(features, self.weight * self.scale, stride=stride, padding=padding)

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            self.from_rgb = Convolution(3, widths[sizes[-1]], 1)
            self.blocks = nn.ModuleList(
                nn.ModuleList(
                    [
                        Convolution(widths[size], widths[size]),
                        Convolution(widths[size], widths[size // 2]),
                        Convolution(widths[size], widths[size // 2], 1),
                    ]
                )
                for size in sizes[:0:-1]
            )
            self.last = Convolution(widths[4] + 1, widths[4])
            self.dense = Dense(widths[4] * 16, widths[4])
            self.score = Dense(widths[4], 1)

        def forward(self, images):
            features = activated(self.from_rgb(images), self.from_rgb.bias)
            for first, second, shortcut in self.blocks:
                skipped = shortcut(filtered(features, [1, 1, 1, 1], stride=2)) * math.sqrt(0.5)
                features = activated(first(features), first.bias)
                features = second(filtered(features, [2, 2, 2, 2]), stride=2, padding=0)
                features = skipped + activated(features, second.bias, gain=1.0)
            grouped = features.reshape(4, -1, *features.shape[1:])
            deviations = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean([1, 2, 3])
            deviations = deviations.repeat(4)[:, None, None, None].expand(-1, 1, 4, 4)
            features = torch.cat([features, deviations], 1)
            features = activated(self.last(features), self.last.bias).flatten(1)
            features = functional.leaky_relu(self.dense(features), 0.2) * root
            return self.score(features)[:, 0]

    return Generator(), Discriminator()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="image size in pixels")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--channel-base", type=int, default=2048, help="number of channels, multiplied by the size")
    parser.add_argument("--w-size", type=int, default=128, help="size of latents and styles")
    parser.add_argument("--precision", default="float32", help="precision of tfgan-suite; PyTorch uses float32")
    turns.add_arguments(parser)
    arguments = parser.parse_args()
    turns.compare(
        {"tfgan-suite": ("tensorflow", make_tfgan_suite_step), "PyTorch": ("torch", make_pytorch_step)},
        arguments,
        steps=16,
        warm_up=17,  # Runs every kind of step at least once.
        title=f"{arguments.size}x{arguments.size}, batch {arguments.batch_size}, channel base "
        f"{arguments.channel_base}, {arguments.precision}",
    )


if __name__ == "__main__":
    main()

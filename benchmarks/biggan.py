"""Images per second of BigGAN's full training step, compared to PyTorch.

PyTorch runs the formulation of the authors' PyTorch code on a CPU, implemented here from the paper: PyTorch's own
spectral normalization, separate upsampling and averaging next to the convolutions, real and generated images in one
pass of the discriminator, k discriminator updates, a generator update with orthogonal regularization, EMA. Both train
the same architecture on random images, each in a separate process, taking turns of 4 steps.

    pip install torch
    python benchmarks/biggan.py --size 64 --batch-size 64 --base-channels 16
    python benchmarks/biggan.py --size 32 --batch-size 64 --base-channels 16
"""

import argparse

import turns

# Channels at the ends of the stages, in multiples of the base channels, and the stages followed by attention.
GENERATOR_CHANNELS = {32: (4, 4, 4, 4), 64: (16, 16, 8, 4, 2)}
DISCRIMINATOR_CHANNELS = {32: (4, 4, 4, 4), 64: (1, 2, 4, 8, 16)}
HALVINGS = {32: 2, 64: 4}
ATTENTION = {32: (None, None), 64: (2, 0)}
LATENTS_OF_A_PART = 20


def make_tfgan_suite_step(arguments):
    import tensorflow as tf

    import tfgan_suite as tg

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    image_shape = (arguments.size, arguments.size, 3)
    gan = tg.BigGAN(
        image_shape=image_shape,
        num_classes=arguments.classes,
        base_channels=arguments.base_channels,
        dtype=arguments.precision,
    )
    gan.compile(discriminator_steps=arguments.discriminator_steps)
    return turns.fit_step(gan, arguments.batch_size, image_shape, num_classes=arguments.classes)


def make_pytorch_step(arguments):
    import torch
    from torch.nn.functional import relu

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    generator, discriminator = make_pytorch_networks(arguments)
    average, _ = make_pytorch_networks(arguments)
    optimizers = {
        network: torch.optim.Adam(network.parameters(), lr=rate, betas=(0.0, 0.999), eps=1e-8, fused=True)
        for network, rate in ((generator, 5e-5), (discriminator, 2e-4))
    }
    batch_size = arguments.batch_size // arguments.discriminator_steps
    real_images = torch.rand(batch_size, 3, arguments.size, arguments.size) * 2 - 1
    real_labels = torch.randint(arguments.classes, [batch_size])
    latent_size = LATENTS_OF_A_PART * len(GENERATOR_CHANNELS[arguments.size])

    def draw():
        labels = torch.randint(arguments.classes, [batch_size])
        return generator(torch.randn(batch_size, latent_size), labels), labels

    def trains(network):
        for one in (generator, discriminator):
            one.requires_grad_(one is network)

    def step():
        trains(discriminator)
        for _ in range(arguments.discriminator_steps):
            with torch.no_grad():
                fake_images, fake_labels = draw()
            logits = discriminator(torch.cat([fake_images, real_images]), torch.cat([fake_labels, real_labels]))
            optimizers[discriminator].zero_grad(set_to_none=True)
            (relu(1 - logits[batch_size:]).mean() + relu(1 + logits[:batch_size]).mean()).backward()
            optimizers[discriminator].step()
        trains(generator)
        optimizers[generator].zero_grad(set_to_none=True)
        (-discriminator(*draw()).mean()).backward()
        with torch.no_grad():
            for name, parameter in generator.named_parameters():
                if parameter.ndim >= 2 and "shared" not in name:
                    matrix = parameter.flatten(1)
                    products = matrix @ matrix.T
                    products.fill_diagonal_(0)
                    parameter.grad += 2e-4 * (products @ matrix).reshape(parameter.shape)
            optimizers[generator].step()
            for one, other in zip(average.parameters(), generator.parameters()):
                one.lerp_(other, 1e-4)

    return step


def make_pytorch_networks(arguments):
    """Builds BigGAN's generator and discriminator, following the paper as directly as possible."""
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils.parametrizations import spectral_norm

    base, size = arguments.base_channels, arguments.size
    shared_size = 128

    def convolution(inputs, outputs, taps=3, bias=True):
        return spectral_norm(nn.Conv2d(inputs, outputs, taps, padding=taps // 2, bias=bias))

    def dense(inputs, outputs, bias=True):
        return spectral_norm(nn.Linear(inputs, outputs, bias=bias))

    def doubled(features):
        return functional.interpolate(features, scale_factor=2)

    class ConditionalBatchNorm(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.norm = nn.BatchNorm2d(channels, affine=False)
            self.gain = dense(shared_size + LATENTS_OF_A_PART, channels, bias=False)
            self.bias = dense(shared_size + LATENTS_OF_A_PART, channels, bias=False)

        def forward(self, features, condition):
            gain, bias = 1 + self.gain(condition), self.bias(condition)
            return self.norm(features) * gain[:, :, None, None] + bias[:, :, None, None]

    class Attention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.theta, self.phi = (convolution(channels, channels // 8, 1, bias=False) for _ in range(2))
            self.g = convolution(channels, channels // 2, 1, bias=False)
            self.o = convolution(channels // 2, channels, 1, bias=False)
            self.gamma = nn.Parameter(torch.zeros([]))

        def forward(self, features):
            queries = self.theta(features).flatten(2)  # [batch, channels / 8, pixels]
            keys = functional.max_pool2d(self.phi(features), 2).flatten(2)
            values = functional.max_pool2d(self.g(features), 2).flatten(2)
            weights = torch.softmax(queries.transpose(1, 2) @ keys, dim=-1)  # [batch, pixels, pixels / 4]
            mixtures = (values @ weights.transpose(1, 2)).unflatten(2, features.shape[2:])
            return features + self.gamma * self.o(mixtures)

    class GeneratorBlock(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.norm_1, self.norm_2 = ConditionalBatchNorm(inputs), ConditionalBatchNorm(outputs)
            self.first, self.second = convolution(inputs, outputs), convolution(outputs, outputs)
            self.shortcut = convolution(inputs, outputs, 1)

        def forward(self, features, condition):
            hidden = self.first(doubled(functional.relu(self.norm_1(features, condition))))
            hidden = self.second(functional.relu(self.norm_2(hidden, condition)))
            return hidden + self.shortcut(doubled(features))

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            channels = [base * multiple for multiple in GENERATOR_CHANNELS[size]]
            self.shared = nn.Embedding(arguments.classes, shared_size)
            self.linear = dense(LATENTS_OF_A_PART, 16 * channels[0])
            self.blocks = nn.ModuleList(GeneratorBlock(*pair) for pair in zip(channels, channels[1:]))
            self.attend_after = ATTENTION[size][0]
            self.attention = None if self.attend_after is None else Attention(channels[self.attend_after + 1])
            self.norm = nn.BatchNorm2d(channels[-1])
            self.last = convolution(channels[-1], 3)

        def forward(self, latents, labels):
            first, *parts = latents.split(LATENTS_OF_A_PART, dim=1)
            classes = self.shared(labels)
            features = self.linear(first).reshape(len(labels), -1, 4, 4)
            for index, (block, part) in enumerate(zip(self.blocks, parts)):
                features = block(features, torch.cat([classes, part], 1))
                if index == self.attend_after:
                    features = self.attention(features)
            return torch.tanh(self.last(functional.relu(self.norm(features))))

    class DiscriminatorBlock(nn.Module):
        def __init__(self, inputs, outputs, halves, first):
            super().__init__()
            self.halves, self.activates = halves, not first
            self.first, self.second = convolution(inputs, outputs), convolution(outputs, outputs)
            self.shortcut = convolution(inputs, outputs, 1) if halves or inputs != outputs else None

        def forward(self, features):
            hidden = functional.relu(features) if self.activates else features
            hidden = self.second(functional.relu(self.first(hidden)))
            if self.halves:
                hidden = functional.avg_pool2d(hidden, 2)
                # The shortcut runs at the smaller size, which is the cheaper order of the two linear maps.
                features = functional.avg_pool2d(features, 2)
            return hidden + (features if self.shortcut is None else self.shortcut(features))

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            channels = [3, *(base * multiple for multiple in DISCRIMINATOR_CHANNELS[size])]
            self.blocks = nn.ModuleList(
                DiscriminatorBlock(inputs, outputs, index < HALVINGS[size], index == 0)
                for index, (inputs, outputs) in enumerate(zip(channels, channels[1:]))
            )
            self.attend_after = ATTENTION[size][1]
            self.attention = None if self.attend_after is None else Attention(channels[self.attend_after + 1])
            self.score = dense(channels[-1], 1)
            self.classes = spectral_norm(nn.Embedding(arguments.classes, channels[-1]))

        def forward(self, images, labels):
            features = images
            for index, block in enumerate(self.blocks):
                features = block(features)
                if index == self.attend_after:
                    features = self.attention(features)
            features = functional.relu(features).sum([2, 3])
            return self.score(features)[:, 0] + (self.classes(labels) * features).sum(1)

    return Generator(), Discriminator()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, choices=GENERATOR_CHANNELS, help="image size in pixels")
    parser.add_argument("--batch-size", type=int, default=64, help="real images per step, over all its updates")
    parser.add_argument("--discriminator-steps", type=int, default=2)
    parser.add_argument("--base-channels", type=int, default=16)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--precision", default="float32", help="precision of tfgan-suite; PyTorch uses float32")
    turns.add_arguments(parser)
    arguments = parser.parse_args()
    turns.compare(
        {"tfgan-suite": ("tensorflow", make_tfgan_suite_step), "PyTorch": ("torch", make_pytorch_step)},
        arguments,
        steps=4,
        warm_up=3,
        title=f"{arguments.size}x{arguments.size}, batch {arguments.batch_size}, {arguments.discriminator_steps} "
        f"discriminator steps, base channels {arguments.base_channels}, {arguments.precision}",
    )


if __name__ == "__main__":
    main()

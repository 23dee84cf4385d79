"""Images per second of the full training step, compared to a plain PyTorch DCGAN of the same architecture.

Both train the common tutorial network (4x4 kernels, batch normalization, no biases, latents of size 100, Adam 2e-4) on
random images in float32, each in a separate process. The processes take turns, so that both run under the same
conditions. PyTorch runs in its fastest configuration: channels-last memory and the fused Adam.

    pip install torch
    python benchmarks/training.py --size 64 --batch-size 32 --base-channels 64
"""

import argparse

import turns


def make_tfgan_suite_step(arguments):
    import tensorflow as tf

    import tfgan_suite as tg

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    image_shape = (arguments.size, arguments.size, 3)
    gan = tg.DCGAN(image_shape=image_shape, base_channels=arguments.base_channels, kernel_size=4)
    gan.compile()
    return turns.fit_step(gan, arguments.batch_size, image_shape)


def make_pytorch_step(arguments):
    import math

    import torch
    from torch import nn

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    stages = int(math.log2(arguments.size)) - 2
    channels = [min(arguments.base_channels * 2 ** (stages - 1 - i), 1024) for i in range(stages)]

    layers = [nn.ConvTranspose2d(100, channels[0], 4, 1, 0, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU(True)]
    for previous, following in zip(channels, channels[1:]):
        layers += [
            nn.ConvTranspose2d(previous, following, 4, 2, 1, bias=False),
            nn.BatchNorm2d(following),
            nn.ReLU(True),
        ]
    generator = nn.Sequential(*layers, nn.ConvTranspose2d(channels[-1], 3, 4, 2, 1, bias=False), nn.Tanh())
    reverse = channels[::-1]
    layers = [nn.Conv2d(3, reverse[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for previous, following in zip(reverse, reverse[1:]):
        layers += [
            nn.Conv2d(previous, following, 4, 2, 1, bias=False),
            nn.BatchNorm2d(following),
            nn.LeakyReLU(0.2, True),
        ]
    discriminator = nn.Sequential(*layers, nn.Conv2d(reverse[-1], 1, 4, 1, 0, bias=False))
    for network in (generator, discriminator):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)
            elif hasattr(module, "weight"):
                nn.init.normal_(module.weight, 0.0, 0.02)
        network.to(memory_format=torch.channels_last)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
        for network in (generator, discriminator)
    ]
    criterion = nn.BCEWithLogitsLoss()
    real = torch.rand(arguments.batch_size, 3, arguments.size, arguments.size) * 2 - 1
    real = real.to(memory_format=torch.channels_last)
    ones, zeros = torch.ones(arguments.batch_size), torch.zeros(arguments.batch_size)

    def step():
        discriminator.zero_grad()
        criterion(discriminator(real).flatten(), ones).backward()
        fake = generator(torch.randn(arguments.batch_size, 100, 1, 1))
        criterion(discriminator(fake.detach()).flatten(), zeros).backward()
        optimizers[1].step()
        generator.zero_grad()
        loss = criterion(discriminator(fake).flatten(), ones)
        loss.backward()
        optimizers[0].step()
        loss.item()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="image size in pixels")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--base-channels", type=int, default=64, help="number of channels at half the image size")
    parser.add_argument("--steps", type=int, default=5, help="number of steps per round")
    turns.add_arguments(parser)
    arguments = parser.parse_args()
    turns.compare(
        {"tfgan-suite": ("tensorflow", make_tfgan_suite_step), "PyTorch": ("torch", make_pytorch_step)},
        arguments,
        steps=arguments.steps,
        warm_up=3,
        title=f"{arguments.size}x{arguments.size}, batch {arguments.batch_size}",
    )


if __name__ == "__main__":
    main()

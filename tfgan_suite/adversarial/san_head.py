"""TakesSANHead: discriminators of the suite whose own head can give way to a `SANDense`."""

from tfgan_suite.layers.san_dense import SANDense


class TakesSANHead:
    """A discriminator that scores one vector of features an example, by a head of its own or by a `SANDense`.

    A subclass names the layers of its own head and makes no use of them once `san_head` is set: it then returns
    `self.san_head(features, labels)`. It adds `head_config()` to its config.

    Attributes:
        san_head: The `SANDense`, or `None`.
        own_head: Tuple of strings. The attributes that hold the layers of the own head.
    """

    san_head = None
    own_head = ("score", "class_vectors")

    def use_san_head(self):
        """Puts a `SANDense` in the place of the own head, of as many directions as there are classes. Once is enough."""
        if self.san_head is not None:
            return
        for name in self.own_head:
            if getattr(self, name, None) is not None:
                delattr(self, name)
        self.san_head = SANDense(num_classes=self.san_classes, seed=self.seed + 500, name="san_head")

    @property
    def san_classes(self):
        """How many directions there are, or `None` for one whatever the class."""
        return self.num_classes

    def head_config(self):
        """What `get_config` says of the head, a dict."""
        return {} if self.san_head is None else {"san_head": True}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        san_head = config.pop("san_head", False)
        network = super().from_config(config)
        if san_head:
            network.use_san_head()
        return network


def take_san_head(discriminator):
    """Gives a discriminator a SAN head.

    Args:
        discriminator: A network.

    Raises:
        ValueError: It is not of the suite, and so has a head that nobody knows.
    """
    if not isinstance(discriminator, TakesSANHead):
        raise ValueError(
            "`san_head=True` must go with a discriminator of the suite whose head is one layer of logits: DCGAN's, StyleGAN2's, "
            f"BigGAN's, ProGAN's, R3GAN's, GAT's or WaveGAN's. Received: {type(discriminator).__name__}. In a network of your own, "
            "make layers.SANDense the last layer."
        )
    discriminator.use_san_head()


def has_san_head(network):
    """Whether any layer of a network is a `SANDense`."""
    return any(isinstance(layer, SANDense) for layer in network._flatten_layers())

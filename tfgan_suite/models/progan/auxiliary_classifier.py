"""A GAN whose discriminator predicts the class of an image instead of receiving it."""

import tensorflow as tf

from tfgan_suite.adversarial.gan import GAN


class AuxiliaryClassifierGAN(GAN):
    """With classes, adds the cross-entropy of the guesses to both losses; without, it is `GAN`.

    The discriminator learns from real and generated images, the generator to make images whose class is plain. A
    subclass implements `score`.

    Attributes:
        learns_from_fakes: Whether the discriminator learns to guess the class of generated images too, as in the paper.
            If not, the generator learns its classes only from looking like real images of them.

    Reference: Odena et al., "Conditional Image Synthesis with Auxiliary Classifier GANs" (2017), equations 2 and 3.
    """

    learns_from_fakes = True

    def score(self, images, labels=None, training=False):
        """Logits float32 `[batch]` and class logits `[batch, num_classes]`, or `None` without classes."""
        raise NotImplementedError

    def compute_discriminator_loss(self, discriminate, real_images, fake_images, real_labels, fake_labels):
        if self.num_classes is None:
            return super().compute_discriminator_loss(discriminate, real_images, fake_images, real_labels, fake_labels)
        real_logits, real_class_losses = self._class_losses(discriminate, real_images, real_labels)
        fake_logits, fake_class_losses = self._class_losses(discriminate, fake_images, fake_labels)
        values = self.adversarial_loss.discriminator_loss(real_logits, fake_logits)
        values += real_class_losses
        return values + fake_class_losses if self.learns_from_fakes else values, real_logits, fake_logits

    def compute_generator_loss(self, discriminate, fake_images, fake_labels, real_images, real_labels):
        if self.num_classes is None:
            return super().compute_generator_loss(discriminate, fake_images, fake_labels, real_images, real_labels)
        real_logits = discriminate(real_images, real_labels) if self.adversarial_loss.uses_real_logits else None
        fake_logits, class_losses = self._class_losses(discriminate, fake_images, fake_labels)
        return self.adversarial_loss.generator_loss(fake_logits, real_logits) + class_losses

    def _class_losses(self, discriminate, images, labels):
        """Logits, and cross-entropy of the guesses at the class, each float32 `[batch]`."""
        logits, class_logits = discriminate(images, labels, self.score)
        class_logits = tf.cast(class_logits, tf.float32)
        return logits, tf.nn.sparse_softmax_cross_entropy_with_logits(labels, class_logits)

"""MoCoGAN: clips of video from content that stays and motion that goes on."""

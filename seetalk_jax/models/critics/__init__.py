"""Networks used by losses and measures alone: discriminator, perceptual features, sync experts."""

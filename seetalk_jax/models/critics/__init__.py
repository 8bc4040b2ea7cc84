"""Networks used only by losses and measures: discriminator, perceptual features, sync experts, FID and FVD."""

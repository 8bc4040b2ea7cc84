"""Portrait diffusion: image autoencoder, UNet and statistical face prior."""

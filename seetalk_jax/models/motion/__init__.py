"""Motion codec, motion diffusion transformer and lip refiner."""

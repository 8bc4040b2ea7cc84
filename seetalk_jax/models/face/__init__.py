"""Face encoders and the ConRe heads."""

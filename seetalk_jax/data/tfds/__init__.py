"""TFDS builders of real corpora; needs the extra `data`, never TensorFlow."""

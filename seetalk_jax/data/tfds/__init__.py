"""TFDS builders of real corpora; they need the extra `data` but not TensorFlow."""

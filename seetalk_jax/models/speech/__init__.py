"""Speech encoders and their front ends."""

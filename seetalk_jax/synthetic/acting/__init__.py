"""Acting of the human world: ARKit coefficients and head pose from phonemes, emotions, events and a style."""

"""Released checkpoints: network specifications as JSON, weights as safetensors, statistics."""

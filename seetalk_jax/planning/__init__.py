"""Training plans: memory and step time bounds of a stage, compiled for TPUs that are not attached."""

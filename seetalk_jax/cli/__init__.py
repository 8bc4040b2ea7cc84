"""Commands of `seetalk`, one file each; importing them imports neither JAX nor media libraries."""

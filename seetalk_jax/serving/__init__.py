"""HTTP server: jobs and live sessions. The HTTP process imports no JAX; one worker process holds the networks."""

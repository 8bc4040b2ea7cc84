"""Applications around the library: the web demo."""

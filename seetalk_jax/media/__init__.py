"""Speech, pictures and video: files in, arrays out, and back."""

"""Reading and writing of audio, image and video files as arrays."""

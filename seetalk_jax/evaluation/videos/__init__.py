"""Evaluation of video files: folders of generated and real videos, measured by one fixed protocol."""

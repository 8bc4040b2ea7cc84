"""Adaptation of a release to one person, from photos or a minute of video."""

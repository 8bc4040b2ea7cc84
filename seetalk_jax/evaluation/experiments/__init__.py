"""Whole experiments, from training to a table and a picture sheet, as one command each."""

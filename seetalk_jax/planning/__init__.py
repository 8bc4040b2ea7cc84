"""What training will need and what bounds it: stages as shapes, and programs for chips that are not there."""

"""Figures on held-out synthetic speakers: what each file measures is its first line; `report` prints."""

"""Outfit of a synthetic person: clothes, collars, glasses, jewelry and hats on one mesh of fixed topology."""

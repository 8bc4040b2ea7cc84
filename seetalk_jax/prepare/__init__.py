"""Preparation of raw recordings as records: decoding, face tracking, cropping, measuring, filtering, storing."""

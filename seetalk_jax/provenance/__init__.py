"""Marks of synthetic media: watermark, signed manifest (C2PA), and their verification."""

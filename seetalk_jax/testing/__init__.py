"""Test helpers: tiny networks and releases for tests of this library and of its users."""

"""Recorded conversations with a real Moodle: reading them, repeating them on the stand-in, comparing the outcome."""

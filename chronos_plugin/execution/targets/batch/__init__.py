"""Batch systems: how each is spoken to. Submissions are built by Toil's classes, states are asked in bulk."""

"""Benchmarks of CHRONOS; ``make bench`` runs them all."""

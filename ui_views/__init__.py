"""The web interface of CHRONOS."""

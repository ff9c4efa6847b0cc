"""What sets CHRONOS up: the demo installation, and scripts for the environment it runs in."""

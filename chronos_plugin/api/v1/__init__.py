"""Version 1 of the REST API, a module for each noun: stable."""

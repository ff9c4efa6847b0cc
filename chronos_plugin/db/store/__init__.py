"""The store of the history: how runs and datasets are laid out, loaded, found and counted."""

"""Where steps run: the protocol that every target follows, and the targets that CHRONOS brings."""

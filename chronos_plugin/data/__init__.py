"""Files in other places than the shared file system: found, fetched, kept, sent."""

"""The outbox: what is to be told to other systems is written with the record, and delivered later."""

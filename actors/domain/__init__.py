"""Pure rules and the words they are written in: no I/O, no clock."""

"""Cin7 Core: the wire as its API spells it, and the client."""

"""commercetools: the wire as its API spells it, and the client."""

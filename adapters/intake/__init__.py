"""The doors events come in by: what arrives, who sent it, and how each sender is answered."""

"""The composition root, the command line and the supervision: the only package that knows all the others."""

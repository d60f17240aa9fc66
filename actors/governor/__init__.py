"""The rate governor: who may speak to Cin7 Core next, and when."""

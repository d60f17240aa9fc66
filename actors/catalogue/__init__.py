"""Catalogue: the registry of what the Cin7 Core account holds, read on a schedule so that judging an order is free."""

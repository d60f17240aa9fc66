"""Stock: Cin7 Core's availability as a cache, a ledger per inventory entry, and what is published of it (law L4)."""

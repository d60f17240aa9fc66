"""The census: reads what Cin7 Core lists of its sales, counts both sides against each other, and watches webhooks."""

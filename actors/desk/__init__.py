"""The desk: what people asked for in bulk, alerts and digests, and the figures that are drawn over time."""

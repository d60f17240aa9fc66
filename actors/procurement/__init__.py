"""Procurement: what is on its way, what it cost landed, and what sales earn against it. Nothing of it is written."""

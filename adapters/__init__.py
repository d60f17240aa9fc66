"""The wires: both APIs, the operator's endpoints, telemetry, and the sandbox's doubles."""

"""A local commercetools and a local Cin7 Core that hold state and misbehave as the real ones do."""

"""The decisions: one actor per flow, the pure rules they share, and the mechanism they run on."""

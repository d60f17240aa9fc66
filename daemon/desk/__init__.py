"""The desk's side of the running daemon: what people ask for, what they are told, and what they may see."""

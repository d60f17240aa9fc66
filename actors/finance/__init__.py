"""The finance flow: every order held against its sale and its documents, and what agrees posted to the books."""

"""The mechanism every flow runs on: actor, mailbox, clock."""

"""Messages to people, through whatever channel a team has already."""

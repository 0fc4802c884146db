"""What a file means, whichever form it is in: compared with another, and written in the other form."""

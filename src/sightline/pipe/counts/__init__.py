"""What is counted, in memory that flows and their pipe have in common, and how it is told."""

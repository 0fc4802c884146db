"""Who is let in: logins, sessions, tokens of users, and the link for the first admin."""

"""What pages show, made of rows and of what is applied. Pure: no request, no database, no HTML."""

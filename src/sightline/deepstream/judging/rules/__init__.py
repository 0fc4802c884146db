"""What no row of a table can say of a file, a module a subject; `opening` has the rules of a kind."""

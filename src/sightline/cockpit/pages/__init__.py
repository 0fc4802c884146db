"""The pages, one module each: `routes(shell)` names what it serves."""

"""Where pictures lie until somebody has worked on them: memory, a folder, Redis."""

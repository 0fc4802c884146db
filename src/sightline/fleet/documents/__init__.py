"""What is to run on a machine, as a message: made by the coordinator, opened by its agent."""

"""The fleet's messages: six topics (`topics`) and what stands within them (`parts`)."""

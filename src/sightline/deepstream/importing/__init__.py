"""A file of DeepStream as a site of Sightline: its cameras, its model, its sinks, and what is left out."""

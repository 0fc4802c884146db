"""What runs instances: containers and processes, behind one promise (`promise`)."""

"""Keys as Celery's tasks, and Celery's workers at work on them."""

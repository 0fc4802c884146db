"""Keys over RabbitMQ."""

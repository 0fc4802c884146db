"""What plays a turn of `fleet`: broker and coordinator (`stage`), machines (`machines`), a user (`user`)."""

"""What lasts: the database behind one connector, its schema and migrations, sealed secrets, the log of changes."""

"""The steps that bring a database to `store.schema`; `store.migrate` runs them."""

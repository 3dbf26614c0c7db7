"""The configuration file: `file` reads headgate.yaml into typed entries, `apply` makes the database equal to it.

`document` knows YAML and line numbers and nothing of gateways.
"""

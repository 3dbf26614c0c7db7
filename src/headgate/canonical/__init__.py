"""The shared nouns, pure: what a call asks, what an answer says, what it used, and how it can fail.

`parts` and `request` say what is asked; `stream` says the answer, whole or as events; `usage` what it used;
`failure` how it can go wrong. `codec` is the record a wire protocol fills, `quirks` what is peculiar about an upstream,
`signature` how opaque state travels through a foreign protocol. Nothing here reads a clock, a socket or a file.
"""

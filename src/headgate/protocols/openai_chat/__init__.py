"""OpenAI Chat Completions, as OpenAI and the many who copy it speak it.

`peek` looks at requests and patches them, `meter` reads passing answers, `usage` un-nests their counts, `errors` tells
failures; `request`, `response` and `stream` decode and encode everything else. `wire` holds the types of the wire.
"""

"""Who may call: users, groups, API keys.

`credentials` finds the key in a request, `keys` hashes it, `directory` knows the `Caller` behind it, and `caller`
decides whether it may come in. `repository` keeps users and keys, `funds` moves the money that operators give them.
"""

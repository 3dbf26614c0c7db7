"""Money: what a call costs, who pays, and the books that prove it.

`amounts` (integers, one rounding) and `pricing` (price, usage → charge) are pure; `prices` reads the operator's own
prices, `catalogue` the genai-prices data, and `pricebook` answers from both. `receipt` is the record of a finished
call.

A worker holds money in `purse`s, slices of wallets and budgets that `supply` moves in and out of the database ahead
of need. A call takes a hold on its purses and settles it with one record in the `journal`; `posting` carries journal
records into the books, and `recovery` does it for workers that died. `ledger` is the door to all of that.
`books` keeps accounts and transfers, `archive` receipts and roll-ups: all SQL is in these two, and in `prices`.
`wallets` is the operator's hand in the books, `retention` deletes old receipts.

No float is used in this package, and nothing here knows how a call is relayed.
"""

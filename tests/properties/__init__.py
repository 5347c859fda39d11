"""Whatever happens in whatever order, the ledger stays true: a machine that tries sequences."""

"""The rows of each menu, one module per menu, in menu order; `actions.table` joins them."""

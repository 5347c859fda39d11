"""The demo: a customer's shop with visitors and calls, made up but played through real parts."""

"""All SQL, in functions named by intent. Nothing above this layer knows a table."""

"""Oracle SQL as text: tokens, the tree, the parser. Knows no tables and no types."""

"""Tables of several methods: one row a method, one column a measure."""

"""What a person sees of a model: a table, a drawing, a graph."""

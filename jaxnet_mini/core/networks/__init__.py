"""Networks: layers put together, which are layers again, and what they are made of."""

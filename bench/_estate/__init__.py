"""A generated estate with known truth: machines, what sources see of them, their life, and how the store's belief compares."""
